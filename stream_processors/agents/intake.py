"""What of a camera's log may reach its fold: decoding, keys, signatures. It must not know what a record does to a state."""

import asyncio

import structlog

from schemas.events import CameraSilent, Command, Event, FrameObserved, LogRecord, Refusal
from schemas.patience import NotYetError, PatientReader
from schemas.signing import ExpiredError, UnsignedError, Verifier
from schemas.wire import UndecodableError, UnknownSchemaError, Wire
from stream_processors.runtime import metrics
from stream_processors.runtime.messages import Message, place
from stream_processors.runtime.partitioning import Partitioning

RETRY_S = 1.0
# More than any detector yields; beyond it one frame could hold a worker up for seconds.
MAX_DETECTIONS = 500
_SCORE_BYTES = 4
# Why nobody knew it is for the log only: a record that is judged again after a crash must be refused in the same words.
UNKNOWN_SCHEMA = "its schema id is not registered, or the registry did not answer"

log = structlog.get_logger()


class RefusedError(Exception):
    """The shell does not let a record through to the fold."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason: Refusal = reason
        self.detail = detail


class Intake:
    """Judges records of the camera log one by one."""

    def __init__(self, wire: Wire, verifier: Verifier, partitioning: Partitioning) -> None:
        self._wire = wire
        self._reader = PatientReader(wire)
        self._verifier = verifier
        self._partitioning = partitioning

    async def admit(self, message: Message, *, quarantined: bool) -> LogRecord:
        """The record, if its bytes, key and signature allow it to be folded.

        Frames of a quarantined camera are not; what may mend it, such as a command, is.

        Raises:
            RefusedError: it must be named in a RecordRefused.
        """
        if quarantined and not self._wire.knows(message.value):
            raise _quarantined()
        event = await self._decode(message)
        if not isinstance(event, LogRecord):
            raise RefusedError("UNDECODABLE", f"{type(event).__name__} does not belong in the camera log")
        if message.key != event.camera_id.encode():
            raise RefusedError("WRONG_KEY", f"the key is not the record's camera {event.camera_id!r}")
        if not self._partitioning.is_home(message.key, message.partition, message.offset):
            raise RefusedError("WRONG_KEY", "another partition is the key's; producers need partitioner=murmur2_random")
        if isinstance(event, Command | CameraSilent):
            self._check_signature(event.camera_id, message)
        if isinstance(event, FrameObserved):
            _check_frame(event, quarantined=quarantined)
        return event

    async def _decode(self, message: Message) -> Event:
        """Decode; wait for a schema that may come rather than lose the record."""
        while True:
            try:
                if self._wire.knows(message.value):
                    return self._reader.decode(message.value)
                return await asyncio.to_thread(self._reader.decode, message.value)
            except NotYetError as error:
                metrics.WAITING.labels(service="registry").inc()
                log.warning("waiting for the schema registry", error=str(error), **place(message))
                await asyncio.sleep(RETRY_S)
            except UnknownSchemaError as error:
                log.warning("unknown schema", error=str(error), **place(message))
                raise RefusedError("UNKNOWN_SCHEMA", UNKNOWN_SCHEMA) from error
            except UndecodableError as error:
                raise RefusedError("UNDECODABLE", str(error)) from error

    def _check_signature(self, camera_id: str, message: Message) -> None:
        try:
            self._verifier.check(camera_id, message.value or b"", message.headers, message.appended_at)
        except UnsignedError as error:
            raise RefusedError("UNSIGNED", str(error)) from error
        except ExpiredError as error:
            raise RefusedError("EXPIRED", str(error)) from error


def detections_of(frame: FrameObserved) -> int:
    """How many a frame has, before anybody has looked whether its arrays fit."""
    return len(frame.scores) // _SCORE_BYTES


def _check_frame(frame: FrameObserved, *, quarantined: bool) -> None:
    if quarantined:
        raise _quarantined()
    detections = detections_of(frame)
    if detections > MAX_DETECTIONS:
        raise RefusedError("POISON", f"{detections} detections in a frame; at most {MAX_DETECTIONS} are taken")


def _quarantined() -> RefusedError:
    return RefusedError("QUARANTINED", "too many records of this camera in a row could not be folded")
