"""What else gets into a camera's log: commands good and bad, what an edge reports, and records that nobody may fold.

Each follows a frame; beside it stands what the fold must make of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from msgspec.structs import replace

from schemas.events import (
    CameraStatusChanged,
    Command,
    ConfigureCamera,
    DefineZones,
    EdgeConfigurationReported,
    Event,
    FrameObserved,
    FramesDropped,
    Refusal,
)
from schemas.signing import VALID_FOR_MS, Signer
from schemas.wire import Wire
from stream_processors.runtime import quarantine
from stream_processors.runtime.partitioning import home
from tests.chaos.crowd import room

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Record:
    """A record to send; `partition` only where it shall not follow from the key."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes records as an edge and the API do. `now`: UTC ms; `partitions`: of the camera log."""

    wire: Wire
    signer: Signer
    now: Callable[[], int]
    partitions: int

    def plain(self, event: Event) -> Record:
        """What an edge writes."""
        return Record(event.camera_id.encode(), self.wire.encode(event))

    def signed(self, command: Command, valid_for_ms: int = VALID_FOR_MS) -> Record:
        """What the API writes."""
        body = self.wire.encode(command)
        headers = self.signer.headers(command.camera_id, body, self.now() + valid_for_ms)
        return Record(command.camera_id.encode(), body, headers)


Make: TypeAlias = Callable[[Pen, FrameObserved, Random], list[Record]]


@dataclass(frozen=True, slots=True)
class Mishap:
    """`make` writes the records that follow a frame; `refused`: why each of those is refused that is."""

    make: Make
    refused: tuple[Refusal, ...] = ()

    def records(self, pen: Pen, frame: FrameObserved, random: Random | None = None) -> list[Record]:
        """What follows the frame."""
        return self.make(pen, frame, random or Random(0))


def _zones(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.signed(_define(frame))]


def _command_twice(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return 2 * [pen.signed(_define(frame))]


def _revision_conflict(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.signed(_define(frame, expected_revision=10**6))]


def _crossed_polygon(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    zones, _lines = room(0)
    return [pen.signed(_define(frame, zones=(replace(zones[0], polygon=((0, 0), (1, 1), (1, 0), (0, 1))),)))]


def _off_and_on(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    """The frame in between is refused; when it comes again, it is folded."""
    camera_id, after = frame.camera_id, replace(frame, session="off and on", observed_at=frame.observed_at + 1)
    off = ConfigureCamera(camera_id=camera_id, command_id=f"off-{frame.seq}", enabled=False)
    on = ConfigureCamera(camera_id=camera_id, command_id=f"on-{frame.seq}")
    return [pen.signed(off), pen.plain(after), pen.signed(on), pen.plain(after)]


def _camera_lost(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [
        pen.plain(CameraStatusChanged(camera_id=frame.camera_id, changed_at=frame.observed_at, status="BACKOFF")),
        pen.plain(EdgeConfigurationReported(camera_id=frame.camera_id, revision=1, reported_at=frame.observed_at)),
    ]


def _spool_full(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    dropped = FramesDropped(camera_id=frame.camera_id, records=3, dropped_at=frame.observed_at, reason="SPOOL_FULL")
    return [pen.plain(dropped)]


def _bad_boxes(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    after = replace(frame, session="poison", observed_at=frame.observed_at + 1)
    return [pen.plain(replace(after, boxes=frame.boxes + b"\0"))]


def _nothing_but_poison(pen: Pen, frame: FrameObserved, random: Random) -> list[Record]:
    """The camera is quarantined; the command that comes then frees it."""
    return [*(quarantine.AFTER + 5) * _bad_boxes(pen, frame, random), *_zones(pen, frame, random)]


def _no_frame_of_ours(_pen: Pen, frame: FrameObserved, random: Random) -> list[Record]:
    return [Record(frame.camera_id.encode(), random.choice([b"", b"no record", b"\0\0"]))]


def _unknown_schema(_pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [Record(frame.camera_id.encode(), b"\0\x7f\xff\xff\xff...")]


def _duplicate(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.plain(frame)]


def _late(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.plain(replace(frame, session="late", observed_at=frame.observed_at - 5_000))]


def _future(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.plain(replace(frame, session="future", observed_at=pen.now() + HOUR_MS))]


def _null_key(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    """Always on one partition: camera_events names what is refused by camera and offset, and these have no camera."""
    return [Record(None, pen.wire.encode(frame), partition=0)]


def _wrong_partition(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    """As a producer with another partitioner would; a camera of its own, for the same reason."""
    stray = replace(frame, camera_id=f"{frame.camera_id} astray")
    elsewhere = (home(stray.camera_id.encode(), pen.partitions) + 1) % pen.partitions
    return [Record(stray.camera_id.encode(), pen.wire.encode(stray), partition=elsewhere)]


def _foreign_key(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [Record(b"somebody-else", pen.wire.encode(frame))]


def _unsigned(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.plain(_define(frame))]


def _signature_of_another(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    signed, other = pen.signed(_define(frame)), pen.signed(_define(frame, command_id="another"))
    return [Record(signed.key, signed.value, other.headers)]


def _expired(pen: Pen, frame: FrameObserved, _: Random) -> list[Record]:
    return [pen.signed(_define(frame), valid_for_ms=-HOUR_MS)]


def _define(frame: FrameObserved, **more: Any) -> DefineZones:
    zones, lines = room(frame.seq)
    command: dict[str, Any] = {"command_id": f"zones-{frame.seq}", "zones": zones, "lines": lines}
    return DefineZones(camera_id=frame.camera_id, **{**command, **more})


_POISON: tuple[Refusal] = ("POISON",)
_QUARANTINED: tuple[Refusal] = ("QUARANTINED",)
MISHAPS: dict[str, Mishap] = {
    "new zones": Mishap(_zones),
    "a command twice": Mishap(_command_twice),
    "a revision conflict": Mishap(_revision_conflict),
    "a crossed polygon": Mishap(_crossed_polygon),
    "off and on": Mishap(_off_and_on, ("DISABLED",)),
    "camera lost": Mishap(_camera_lost),
    "spool full": Mishap(_spool_full),
    "poison": Mishap(_bad_boxes, _POISON),
    "nothing but poison": Mishap(_nothing_but_poison, (*quarantine.AFTER * _POISON, *5 * _QUARANTINED)),
    "no frame of ours": Mishap(_no_frame_of_ours, ("UNDECODABLE",)),
    "unknown schema": Mishap(_unknown_schema, ("UNKNOWN_SCHEMA",)),
    "duplicate": Mishap(_duplicate, ("DUPLICATE",)),
    "late": Mishap(_late, ("LATE",)),
    "future": Mishap(_future, ("FUTURE",)),
    "null key": Mishap(_null_key, ("WRONG_KEY",)),
    "another partition": Mishap(_wrong_partition, ("WRONG_KEY",)),
    "foreign key": Mishap(_foreign_key, ("WRONG_KEY",)),
    "unsigned": Mishap(_unsigned, ("UNSIGNED",)),
    "signature of another": Mishap(_signature_of_another, ("UNSIGNED",)),
    "expired": Mishap(_expired, ("EXPIRED",)),
}
