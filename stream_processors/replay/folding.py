"""The fold over records of a log, camera by camera as they come. It must not know files, topics, ranges or digests."""

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec

from schemas.events import CameraSnapshot, ConfigureCamera, DefineZones, Output, Position, RecordRefused, Refusal
from schemas.wire import to_avro
from stream_processors.domain import tracker
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.replay.lines import Logged, NotARecordError
from stream_processors.replay.plan import Plan
from stream_processors.replay.settling import is_settled
from stream_processors.runtime import snapshots

FIRST = Position(epoch=0, partition=0, offset=0, index=0)
_LIMITS = 2**31, 2**31, 2**63, 2**31  # of Avro's int and long, field by field

Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Said:
    """A record the fold said, and its Avro body."""

    output: Output
    body: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """What was taken of a camera in one step, by kind of record, and what it came to; `replaced`: other zones stood in its place."""

    camera_id: str
    read: tuple[str, ...]
    watermark: int
    accepted: bool
    refusal: Refusal | None
    replaced: bool
    said: list[Said]


class Fold(Protocol[Item_contra]):
    """A fold of any number of cameras, one item after the other; each camera's order is all that counts."""

    def start(self, state: CameraState) -> None:
        """Begin a camera with the state of the live fold, under the plan's rules from here on."""
        ...

    def fold(self, item: Item_contra, /) -> Folded:
        """Fold what is one step of one camera."""
        ...

    def is_settled(self, camera_id: str) -> bool:
        """Whether nothing that may follow can add to what is reported of a camera that was begun."""
        ...

    def dump(self) -> bytes:
        """Every camera as it is, to go on with `load`."""
        ...

    def load(self, dumped: bytes) -> None:
        """Go on from where `dump` was."""
        ...


@dataclass(slots=True)
class _Camera:
    state: CameraState
    last: Position | None = None


class _Kept(msgspec.Struct, frozen=True):
    snapshot: CameraSnapshot
    last: Position | None


class Refold:
    """The whole fold, over the records of the log."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cameras: dict[str, _Camera] = {}

    def start(self, state: CameraState) -> None:
        """Begin a camera with the state of the live fold, under the plan's rules from here on."""
        settings = msgspec.structs.replace(state.settings, **self._plan.parameters.given())
        self._cameras[state.camera_id] = _Camera(replace(state, settings=settings))

    def fold(self, logged: Logged) -> Folded:
        """Fold one record.

        Raises:
            NotARecordError: the file gives it no possible place, or one not after that of the camera's record before it.
        """
        camera_id = logged.record.camera_id
        last = self._cameras[camera_id].last if camera_id in self._cameras else None
        position = _position(logged, last)
        if camera_id not in self._cameras:
            self.start(CameraState(camera_id))
        camera = self._cameras[camera_id]
        said = self._begin(camera, position) if last is None else []
        camera.last = position
        replaced = isinstance(logged.record, DefineZones) and self._plan.zones.replaces(camera_id)
        before = camera.state.admission.accepted
        more, refusal = ([], None) if replaced else _take(camera, position, self._ruled(logged))
        accepted = camera.state.admission.accepted > before
        kind = type(logged.record).__name__
        return Folded(camera_id, (kind,), camera.state.watermark, accepted, refusal, replaced, [*said, *more])

    def is_settled(self, camera_id: str) -> bool:
        """Whether nothing that may follow can add to what is reported of a camera that was begun."""
        state = self._cameras[camera_id].state
        return is_settled(self._plan, state.zones, state.watermark, tracker.tentative_since(state.tracker))

    def dump(self) -> bytes:
        """Every camera as it is, to go on with `load`."""
        return msgspec.msgpack.encode(
            [_Kept(snapshots.dump(each.state, each.last or FIRST), each.last) for each in self._cameras.values()]
        )

    def load(self, dumped: bytes) -> None:
        """Go on from where `dump` was."""
        for kept in msgspec.msgpack.decode(dumped, type=list[_Kept]):
            self._cameras[kept.snapshot.camera_id] = _Camera(snapshots.load(kept.snapshot), kept.last)

    def _begin(self, camera: _Camera, position: Position) -> list[Said]:
        """Other zones are in force from just before a camera's first record."""
        definition = self._plan.zones.definition(camera.state.camera_id)
        return [] if definition is None else _take(camera, before(position), Logged("", definition))[0]

    def _ruled(self, logged: Logged) -> Logged:
        """The record with the plan's parameters in the place of its own."""
        if not isinstance(logged.record, ConfigureCamera):
            return logged
        return replace(logged, record=self._plan.parameters.over(logged.record))


def before(position: Position) -> Position:
    """Just before a record of the log, where other rules take effect."""
    return Position(epoch=position.epoch, partition=position.partition, offset=position.offset - 1, index=0)


def say(output: Output) -> Said:
    """A record with its body."""
    return Said(output, to_avro(output))


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
        return [say(record)], record.reason
    try:
        state, outputs = step(camera.state, LogEntry(position, logged.appended_at, record))
        said = [say(each) for each in outputs]
    except Exception as error:  # noqa: BLE001 - the fold is pure, so whatever it raises is the record's doing
        detail = f"{type(error).__name__}: {error}"
        refused = RecordRefused(position=position, camera_id=record.camera_id, reason="POISON", detail=detail)
        return [say(refused)], "POISON"
    camera.state = state
    return said, None if state.admission.refused == before else state.admission.refusing
