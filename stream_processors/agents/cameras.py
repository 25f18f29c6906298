"""The cameras app: folds each camera's log into tracks, zone visits and minutes. The fold itself is `domain.camera`.

This shell decodes, checks signatures, sets aside what cannot be folded, and writes what the fold says. A record is either
folded or named in a RecordRefused.
"""

import asyncio
import time

import faust
import structlog

from schemas.events import (
    CameraSilent,
    CameraSnapshot,
    Command,
    Event,
    FrameObserved,
    LogRecord,
    Position,
    RecordRefused,
    Refusal,
)
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.signing import VALID_FOR_MS, ExpiredError, Signer, UnsignedError, Verifier
from schemas.topics import CAMERA_LOG, topic_of, topics
from schemas.wire import UndecodableError, UnknownSchemaError, Wire
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.runtime import metrics, snapshots
from stream_processors.runtime.checkpoint import CheckpointedAgent, Held, Message, Outgoing
from stream_processors.runtime.dead_letters import dead_letter
from stream_processors.runtime.faust_app import make_app, raw_topic

APP = "aforo-cameras"
TABLE = "state"
DETECTOR_MS = "detector-ms"
HOUR_MS = 3_600_000
SILENT_AGAIN_AFTER_S = 60.0
RETRY_S = 1.0

log = structlog.get_logger()


class RefusedError(Exception):
    """The shell does not let a record through to the fold."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason: Refusal = reason
        self.detail = detail


class CameraFold:
    """The camera's fold as the checkpointed agent runs it: bytes in, bytes out."""

    def __init__(self, wire: Wire, verifier: Verifier) -> None:
        self._wire = wire
        self._verifier = verifier
        self._epoch = topics()[CAMERA_LOG].epoch

    def key(self, message: Message) -> bytes:
        """The camera; records without a key share the nameless one, which refuses them all."""
        return message.key or b""

    def restore(self, key: bytes, partition: int, snapshot: bytes | None) -> tuple[CameraState, int]:
        """The camera's state from the changelog, or that of a new camera."""
        if snapshot is None:
            return CameraState(key.decode("utf-8", "replace")), 0
        stored = self._decode_snapshot(snapshot)
        if (stored.epoch, stored.partition) != (self._epoch, partition):
            metrics.SNAPSHOTS_REJECTED.labels(reason="other_partition").inc()
            raise snapshots.UnusableSnapshotError(
                f"{stored.camera_id}: snapshot of epoch {stored.epoch}, partition {stored.partition} found on "
                f"{self._epoch}, {partition}; the partition count must not change within an epoch"
            )
        return snapshots.load(stored), stored.next_offset

    def dump(self, state: CameraState, partition: int, next_offset: int) -> bytes:
        """The camera's state for the changelog."""
        return self._wire.encode(snapshots.dump(state, self._position(partition, next_offset)))

    def partition(self, snapshot: bytes) -> int:
        """The partition a snapshot was made on."""
        return self._decode_snapshot(snapshot).partition

    async def apply(self, state: CameraState, message: Message) -> tuple[CameraState, list[Outgoing]]:
        """Fold one record of the log, or refuse it and leave the state as it was."""
        try:
            record = await self._admit(message)
            entry = LogEntry(self._position(message.partition, message.offset), message.appended_at, record)
            after, outputs = self._step(state, entry)
        except RefusedError as refusal:
            return state, self._refuse(message, refusal)
        hourly = self._hourly(state, after, message)
        _count(record, state, after)
        return after, [*hourly, *(self._outgoing(message, output) for output in outputs)]

    async def _admit(self, message: Message) -> LogRecord:
        """The record, if its bytes, key and signature allow it to be folded."""
        event = await self._decode(message)
        if not isinstance(event, LogRecord):
            raise RefusedError("UNDECODABLE", f"{type(event).__name__} does not belong in the camera log")
        if message.key != event.camera_id.encode():
            raise RefusedError("WRONG_KEY", f"the key is not the record's camera {event.camera_id!r}")
        if isinstance(event, Command | CameraSilent):
            self._check_signature(event.camera_id, message)
        return event

    async def _decode(self, message: Message) -> Event:
        """Decode; while the registry is away, wait for it rather than lose the record."""
        while True:
            try:
                if self._wire.knows(message.value):
                    return self._wire.decode(message.value)
                return await asyncio.to_thread(self._wire.decode, message.value)
            except RegistryUnavailableError as error:
                metrics.WAITING.labels(service="registry").inc()
                log.warning("waiting for the schema registry", error=str(error), **_place(message))
                await asyncio.sleep(RETRY_S)
            except UnknownSchemaError as error:
                raise RefusedError("UNKNOWN_SCHEMA", str(error)) from error
            except UndecodableError as error:
                raise RefusedError("UNDECODABLE", str(error)) from error

    def _check_signature(self, camera_id: str, message: Message) -> None:
        try:
            self._verifier.check(camera_id, message.value or b"", message.headers, message.appended_at)
        except UnsignedError as error:
            raise RefusedError("UNSIGNED", str(error)) from error
        except ExpiredError as error:
            raise RefusedError("EXPIRED", str(error)) from error

    def _step(self, state: CameraState, entry: LogEntry) -> tuple[CameraState, list[Event]]:
        try:
            after, outputs = step(state, entry)
        except Exception as error:
            log.exception("the fold could not take a record", camera=state.camera_id, offset=entry.position.offset)
            raise RefusedError("POISON", f"{type(error).__name__}: {error}") from error
        return after, list(outputs)

    def _refuse(self, message: Message, refusal: RefusedError) -> list[Outgoing]:
        log.warning("record refused", reason=refusal.reason, detail=refusal.detail, **_place(message))
        metrics.RECORDS_REFUSED.labels(reason=refusal.reason).inc()
        named = RecordRefused(
            position=self._position(message.partition, message.offset),
            camera_id=(message.key or b"").decode("utf-8", "replace"),
            reason=refusal.reason,
            detail=refusal.detail,
        )
        return [dead_letter(APP, message, refusal.reason, refusal.detail), self._outgoing(message, named)]

    def _hourly(self, before: CameraState, after: CameraState, message: Message) -> list[Outgoing]:
        """The state before the first frame of a UTC hour, where a replay of that hour begins."""
        if before.watermark // HOUR_MS == after.watermark // HOUR_MS:
            return []
        snapshot = snapshots.dump(before, self._position(message.partition, message.offset))
        return [self._outgoing(message, snapshot)]

    def _outgoing(self, message: Message, event: Event) -> Outgoing:
        record = type(event).__name__
        headers = [each for each in message.headers if each[0] == DETECTOR_MS] if record == "TracksObserved" else []
        return Outgoing(topic_of(record), message.key, self._wire.encode(event), headers)

    def _position(self, partition: int, offset: int) -> Position:
        return Position(epoch=self._epoch, partition=partition, offset=offset, index=0)

    def _decode_snapshot(self, snapshot: bytes) -> CameraSnapshot:
        event = self._wire.decode(snapshot)
        if not isinstance(event, CameraSnapshot):
            raise snapshots.UnusableSnapshotError(f"the changelog holds a {type(event).__name__}, no snapshot")
        return event


class Watchdog:
    """Says CameraSilent into the camera's log when no record has come for a while; it decides nothing about people."""

    def __init__(self, app: faust.App, wire: Wire, signer: Signer, silent_after_s: float) -> None:
        self._log = raw_topic(app, CAMERA_LOG)
        self._wire = wire
        self._signer = signer
        self._silent_after_s = silent_after_s
        self._watermarks: dict[bytes, int] = {}
        self._moved_at: dict[bytes, float] = {}

    async def __call__(self, held: dict[bytes, Held[CameraState]]) -> None:
        """Look at every camera once; called about every second."""
        now = time.monotonic()
        for key, each in held.items():
            if self._watermarks.get(key) != each.state.watermark:
                self._watermarks[key], self._moved_at[key] = each.state.watermark, now
            elif each.state.status in {"STREAMING", "SILENT"} and now - self._moved_at[key] >= self._silent_after_s:
                self._moved_at[key] = now + SILENT_AGAIN_AFTER_S - self._silent_after_s
                await self._speak(key, each)

    async def _speak(self, key: bytes, held: Held[CameraState]) -> None:
        camera_id, now_ms = held.state.camera_id, time.time_ns() // 1_000_000
        body = self._wire.encode(
            CameraSilent(camera_id=camera_id, last_seen_at=held.state.watermark, noticed_at=now_ms)
        )
        headers = self._signer.headers(camera_id, body, now_ms + VALID_FOR_MS)
        await (await self._log.send(key=key, value=body, partition=held.partition, headers=headers))


def cameras_app(
    kafka: KafkaSettings,
    wire: Wire,
    signer: Signer,
    verifier: Verifier,
    *,
    instance: str = "",
    silent_after_s: float = 10.0,
) -> faust.App:
    """The app that folds the camera log; start it with `runtime.faust_app.run_worker`."""
    app = make_app(APP, kafka, instance=instance)
    watchdog = Watchdog(app, wire, signer, silent_after_s)
    CheckpointedAgent(app, CAMERA_LOG, CameraFold(wire, verifier), table=TABLE, idle=watchdog)
    return app


def _count(record: LogRecord, before: CameraState, after: CameraState) -> None:
    if after.admission.accepted > before.admission.accepted:
        metrics.FRAMES_FOLDED.labels(camera=after.camera_id).inc()
        metrics.WATERMARK.labels(camera=after.camera_id).set(after.watermark / 1_000)
    elif isinstance(record, FrameObserved):
        metrics.RECORDS_REFUSED.labels(reason=after.admission.refusing).inc()


def _place(message: Message) -> dict[str, object]:
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}
