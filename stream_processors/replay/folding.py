"""The fold over the records of a file, camera by camera as they come. It must not know files, ranges or digests."""

from dataclasses import dataclass, field

import msgspec

from schemas.events import DefineZones, Output, Position, RecordRefused, Refusal
from schemas.wire import to_avro
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.replay.lines import Logged, NotARecordError
from stream_processors.replay.shapes import OtherZones

FIRST = Position(epoch=0, partition=0, offset=0, index=0)
_LIMITS = 2**31, 2**31, 2**63, 2**31  # of Avro's int and long, field by field


@dataclass(frozen=True, slots=True)
class Said:
    """A record the fold said, and its Avro body."""

    output: Output
    body: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """What one record of the log came to; `replaced`: other zones stood in its place."""

    camera_id: str
    watermark: int
    accepted: bool
    refusal: Refusal | None
    replaced: bool
    said: list[Said]


@dataclass(slots=True)
class _Camera:
    state: CameraState
    last: Position | None = None


@dataclass(slots=True)
class Refold:
    """Folds the records of any number of cameras, in the order of the file; each camera's order is all that counts."""

    zones: OtherZones = field(default_factory=OtherZones)
    _cameras: dict[str, _Camera] = field(default_factory=dict)

    def fold(self, logged: Logged) -> Folded:
        """Fold one record.

        Raises:
            NotARecordError: the file gives it no possible place, or one not after that of the camera's record before it.
        """
        camera_id = logged.record.camera_id
        camera = self._cameras.get(camera_id) or _Camera(CameraState(camera_id))
        position = _position(logged, camera.last)
        said = self._begin(camera, position) if camera.last is None else []
        self._cameras[camera_id] = camera
        camera.last = position
        replaced = isinstance(logged.record, DefineZones) and self.zones.replaces(camera_id)
        before = camera.state.admission.accepted
        more, refusal = ([], None) if replaced else _take(camera, position, logged)
        accepted = camera.state.admission.accepted > before
        return Folded(camera_id, camera.state.watermark, accepted, refusal, replaced, [*said, *more])

    def _begin(self, camera: _Camera, position: Position) -> list[Said]:
        """Other zones are in force from just before a camera's first record."""
        definition = self.zones.definition(camera.state.camera_id)
        if definition is None:
            return []
        before = Position(epoch=position.epoch, partition=position.partition, offset=position.offset - 1, index=0)
        return _take(camera, before, Logged("", definition))[0]


def _position(logged: Logged, last: Position | None) -> Position:
    """Where the record stands: as the file says, else one after the camera's record before it."""
    follows = FIRST if last is None else msgspec.structs.replace(last, offset=last.offset + 1)
    if logged.position is not None:
        position = logged.position
    else:
        position = follows if logged.offset is None else msgspec.structs.replace(follows, offset=logged.offset)
    if not all(0 <= each < limit for each, limit in zip(msgspec.structs.astuple(position), _LIMITS, strict=True)):
        raise NotARecordError(f"{position} is no place in a log")
    if last is not None and position <= last:
        raise NotARecordError(
            f"offset {position.offset} after {last.offset}: a camera's records stand in the order of their offsets"
        )
    return position


def _take(camera: _Camera, position: Position, logged: Logged) -> tuple[list[Said], Refusal | None]:
    """Fold a record as the live shell does: what it cannot fold is refused by name and leaves the state as it was."""
    record, before = logged.record, camera.state.admission.refused
    if isinstance(record, RecordRefused):
        return [_say(record)], record.reason
    try:
        state, outputs = step(camera.state, LogEntry(position, logged.appended_at, record))
        said = [_say(each) for each in outputs]
    except Exception as error:  # noqa: BLE001 - the fold is pure, so whatever it raises is the record's doing
        detail = f"{type(error).__name__}: {error}"
        refused = RecordRefused(position=position, camera_id=record.camera_id, reason="POISON", detail=detail)
        return [_say(refused)], "POISON"
    camera.state = state
    return said, None if state.admission.refused == before else state.admission.refusing


def _say(output: Output) -> Said:
    return Said(output, to_avro(output))
