"""The camera's fold as the checkpointed agent runs it: bytes in, bytes out. The fold itself is `domain.camera`.

A record is either folded or named in a RecordRefused, and then the camera's state stays as it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import structlog

from schemas.events import CameraSnapshot, Derived, Event, FrameObserved, LogRecord, Position, RecordRefused, Refusal
from schemas.signing import Verifier
from schemas.topics import CAMERA_EVENTS, CAMERA_SNAPSHOTS, DERIVED_RECORD_BYTES, topic_of
from schemas.wire import UndecodableError, Wire
from stream_processors.agents.intake import Intake, RefusedError
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.replay.exporting import BY_THE_SHELL
from stream_processors.runtime import metrics, quarantine, snapshots
from stream_processors.runtime.dead_letters import dead_letter
from stream_processors.runtime.effects import first_effect
from stream_processors.runtime.messages import Message, Outgoing, Refused, place
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.recovery import Log

APP = "aforo-cameras"
DETECTOR_MS = "detector-ms"
HOUR_MS = 3_600_000
_CLOCKS_AGREE_MS = 60_000  # those of the brokers, which stamp cause and effect

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Guarded:
    """A camera's state, and how many of its records in a row were poisonous (`runtime.quarantine`)."""

    camera: CameraState
    poisoned: int = 0

    def after(self, camera: CameraState, refusal: Refusal | None) -> "Guarded":
        """With one more record; the same object when nothing changed, so that nothing needs to be stored."""
        poisoned = quarantine.after(self.poisoned, refusal)
        return self if camera is self.camera and poisoned == self.poisoned else Guarded(camera, poisoned)


class CameraFold:
    """The camera's fold as the checkpointed agent runs it: bytes in, bytes out."""

    def __init__(self, wire: Wire, verifier: Verifier, partitioning: Partitioning | None = None) -> None:
        self._wire = wire
        self._partitioning = partitioning or Partitioning()
        self._intake = Intake(wire, verifier, self._partitioning)

    def key(self, message: Message) -> bytes:
        """The camera; records whose key can be no camera's share the nameless one, which refuses them all."""
        try:
            return (message.key or b"").decode().encode()
        except UnicodeDecodeError:
            return b""

    def new(self, key: bytes) -> Guarded:
        """A camera nothing is known of."""
        return Guarded(CameraState(key.decode()))

    def load(self, key: bytes, partition: int, snapshot: bytes) -> Guarded:
        """The camera's state from the changelog.

        Raises:
            DamagedSnapshotError: these bytes are no snapshot of this camera.
            UnusableSnapshotError: other code wrote it, or it is of another partition.
        """
        try:
            poisoned, value = msgspec.msgpack.decode(snapshot, type=tuple[int, bytes])
            stored = self._wire.decode(value)
        except (msgspec.MsgspecError, UndecodableError) as error:
            raise snapshots.DamagedSnapshotError(f"{key!r}: snapshot is damaged: {error}") from error
        if not isinstance(stored, CameraSnapshot) or stored.camera_id != key.decode():
            raise snapshots.DamagedSnapshotError(f"{key!r}: the changelog holds another record")
        if stored.partition != partition:
            raise snapshots.UnusableSnapshotError(
                f"{stored.camera_id}: snapshot of partition {stored.partition} found on {partition}; "
                "the partition count grows by `aforo partitions grow` only"
            )
        return Guarded(snapshots.load(stored), poisoned)

    def dump(self, state: Guarded, partition: int, next_offset: int) -> bytes:
        """The camera's state for the changelog."""
        return msgspec.msgpack.encode((state.poisoned, self.snapshot(state, partition, next_offset)))

    def snapshot(self, state: Guarded, partition: int, next_offset: int) -> bytes:
        """The camera's state as a CameraSnapshot."""
        return self._wire.encode(snapshots.dump(state.camera, self._position(partition, next_offset)))

    async def apply(
        self, state: Guarded, message: Message, refused: Refused | None = None
    ) -> tuple[Guarded, list[Outgoing]]:
        """Fold one record of the log, or refuse it and leave the state as it was; what was `refused` before stays so."""
        if refused is not None:
            return self._refuse(state, message, refused)
        try:
            record = await self._intake.admit(message, quarantined=quarantine.closed(state.poisoned))
            camera, outputs = self._fold(state.camera, record, message)
        except RefusedError as error:
            return self._refuse(state, message, Refused(error.reason, error.detail))
        after = state.after(camera, None)
        _count(record, state.camera, camera)
        _tell_quarantine(state, after, message)
        return after, outputs

    def kept(self, log: Log, partition: int) -> Iterator[tuple[bytes, int, bytes]]:
        """The hourly snapshots of a partition."""
        for message in log.read({(CAMERA_SNAPSHOTS, partition): log.bounds(CAMERA_SNAPSHOTS, partition)}):
            event = self._wire.decode(message.value)
            if isinstance(event, CameraSnapshot) and event.epoch == self._partitioning.present:
                snapshot = msgspec.msgpack.encode((0, message.value))  # no poison: the frame that follows was folded
                yield event.camera_id.encode(), event.next_offset, snapshot

    def refused(self, log: Log, heads: Sequence[Message]) -> Iterator[tuple[int, int, Refused]]:
        """What this shell refused; keys and the registry may have changed since, so it is not judged again."""
        guesses = log.since(CAMERA_EVENTS, {each.partition: each.appended_at - _CLOCKS_AGREE_MS for each in heads})
        stretches = {
            (CAMERA_EVENTS, each.partition): self._said_since(log, each, guesses[each.partition]) for each in heads
        }
        for message in log.read(stretches):
            event = self._wire.decode(message.value)
            if isinstance(event, RecordRefused) and event.reason in BY_THE_SHELL:
                yield event.position.partition, event.position.offset, Refused(event.reason, event.detail)

    def _said_since(self, log: Log, head: Message, guess: int) -> tuple[int, int]:
        """The stretch of the camera events that follows from a record of the log and those after it."""
        cause = self._position(head.partition, head.offset)
        begin, end = log.bounds(CAMERA_EVENTS, head.partition)

        def follows(offset: int) -> bool:
            (said,) = log.read({(CAMERA_EVENTS, head.partition): (offset, offset + 1)})
            event = self._wire.decode(said.value)
            return isinstance(event, Derived) and event.position >= cause

        return first_effect(guess, begin, follows), end

    def refold(self, state: Guarded, message: Message, refused: Refused | None) -> Guarded:
        """Fold a record again, or leave it out as it was left out before."""
        if refused is not None:
            return state.after(state.camera, refused.reason)
        record = self._wire.decode(message.value)
        assert isinstance(record, LogRecord), "what is not was refused"
        camera, _ = step(state.camera, self._entry(record, message))
        return state.after(camera, None)

    def _fold(self, before: CameraState, record: LogRecord, message: Message) -> tuple[CameraState, list[Outgoing]]:
        try:
            after, said = step(before, self._entry(record, message))
            outputs = [*self._hourly(before, after, message), *(self._outgoing(message, each) for each in said)]
        except Exception as error:
            log.exception("the fold could not take a record", camera=before.camera_id, **place(message))
            raise RefusedError("POISON", f"{type(error).__name__}: {error}") from error
        if any(len(output.value) > DERIVED_RECORD_BYTES // 2 for output in outputs):
            raise RefusedError("POISON", "what follows from it is too large for a record")
        return after, outputs

    def _refuse(self, state: Guarded, message: Message, refused: Refused) -> tuple[Guarded, list[Outgoing]]:
        metrics.RECORDS_REFUSED.labels(reason=refused.reason).inc()
        if refused.reason != "QUARANTINED":
            log.warning("record refused", reason=refused.reason, detail=refused.detail, **place(message))
        named = RecordRefused(
            position=self._position(message.partition, message.offset),
            camera_id=(message.key or b"").decode("utf-8", "replace"),
            reason=refused.reason,
            detail=refused.detail,
        )
        letter = dead_letter(APP, message, refused.reason, refused.detail)
        after = state.after(state.camera, refused.reason)
        _tell_quarantine(state, after, message)
        return after, [letter, self._outgoing(message, named)]

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

    def _entry(self, record: LogRecord, message: Message) -> LogEntry:
        return LogEntry(self._position(message.partition, message.offset), message.appended_at, record)

    def _position(self, partition: int, offset: int) -> Position:
        epoch = self._partitioning.epoch(partition, offset)
        return Position(epoch=epoch, partition=partition, offset=offset, index=0)


def _tell_quarantine(before: Guarded, after: Guarded, message: Message) -> None:
    """Say when a camera enters quarantine, and when it is freed."""
    was, now = quarantine.entered(before.poisoned), quarantine.entered(after.poisoned)
    if was == now:
        return
    camera = after.camera.camera_id
    metrics.QUARANTINED.labels(camera=camera).set(now)
    if now:
        log.error("camera quarantined until a record of it can be folded", camera=camera, **place(message))
    else:
        log.info("camera freed from quarantine", camera=camera, **place(message))


def _count(record: LogRecord, before: CameraState, after: CameraState) -> None:
    if after.admission.accepted > before.admission.accepted:
        metrics.FRAMES_FOLDED.labels(camera=after.camera_id).inc()
        metrics.WATERMARK.labels(camera=after.camera_id).set(after.watermark / 1_000)
    elif isinstance(record, FrameObserved):
        metrics.RECORDS_REFUSED.labels(reason=after.admission.refusing).inc()
