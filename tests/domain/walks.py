"""How the tests of the fold speak: people on paths, frames of them, logs of frames, and what a fold made of a log.

Coordinates are multiples of 1/64 of a frame of 1024 x 1024 pixels wherever a test compares exactly: then every float64 operation
on them is exact, and so is the oracle.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from schemas.events import (
    CameraSilent,
    CameraStatusChanged,
    ConfigureCamera,
    DefineZones,
    Event,
    FrameObserved,
    Line,
    LogRecord,
    Output,
    Point,
    Position,
    Zone,
)
from stream_processors.domain import zones
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.domain.definitions import Layout
from stream_processors.domain.zones import Change, ZoneState

CAMERA = "c1"
WIDTH = HEIGHT = 1024
MINUTE = 60_000
START = 28_333_334 * MINUTE  # a whole minute
BORN = START + 1_000
REFUSED_WHILE_DISABLED = 10_000  # `seq` of the frames that come while a camera of `logs` is disabled

Body = TypeVar("Body")
Box = tuple[float, float, float, float]
Place = Callable[[int], Point | None]  # where somebody's foot is at a moment, 0..1; None: not detected


def square(zone_id: str, left: float, top: float, right: float, bottom: float, **more: Any) -> Zone:
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Zone(**{"zone_id": zone_id, "name": zone_id, "kind": "WORK", "polygon": corners, **more})


DESK = square("desk", 0.25, 0.25, 0.75, 0.75)


def vertical(line_id: str, x: float, **more: Any) -> Line:
    """A line drawn upwards: somebody who walks to the right of the screen enters."""
    return Line(line_id=line_id, name=line_id, points=((x, 1.0), (x, 0.0)), **more)


def box_at(foot: Point, size: tuple[float, float] = (64, 128)) -> Box:
    x, y, (width, height) = foot[0] * WIDTH, foot[1] * HEIGHT, size
    return x - width / 2, y - height, x + width / 2, y


def frame(seq: int, at: int, boxes: Sequence[Sequence[float]] = (), /, **more: Any) -> FrameObserved:
    packed = {"boxes": np.array(boxes, "<f4").tobytes(), "scores": np.array([0.9] * len(boxes), "<f4").tobytes()}
    parts = {"camera_id": CAMERA, "session": "s", "width": WIDTH, "height": HEIGHT, **packed}
    return FrameObserved(**{**parts, "seq": seq, "observed_at": at, **more})


def film(times: Iterable[int], *people: Place, size: tuple[float, float] = (64, 128)) -> list[FrameObserved]:
    """A frame at each moment with all who are detected then."""
    return [
        frame(seq, at, [box_at(foot, size) for person in people if (foot := person(at)) is not None])
        for seq, at in enumerate(times, start=1)
    ]


def every(step_ms: int, start: int, end: int) -> range:
    return range(start, end + 1, step_ms)


def standing(x: float, y: float) -> Place:
    return lambda _: (x, y)


def walking(*stops: tuple[int, float, float]) -> Place:
    """Along straight lines from (ms, x, y) to (ms, x, y); not detected before the first and after the last."""
    moments, xs, ys = zip(*stops, strict=True)

    def place(at: int) -> Point | None:
        if not moments[0] <= at <= moments[-1]:
            return None
        return float(np.interp(at, moments, xs)), float(np.interp(at, moments, ys))

    return place


IN = standing(0.5, 0.5)  # at the desk


def unseen(person: Place, start: int, end: int) -> Place:
    """Not detected in [start, end)."""
    return lambda at: None if start <= at < end else person(at)


_command = count(1)


def define(*shapes: Zone | Line, **more: Any) -> DefineZones:
    return DefineZones(
        **{
            "camera_id": CAMERA,
            "command_id": f"k{next(_command)}",
            "zones": tuple(shape for shape in shapes if isinstance(shape, Zone)),
            "lines": tuple(shape for shape in shapes if isinstance(shape, Line)),
            **more,
        }
    )


def configure(**more: Any) -> ConfigureCamera:
    return ConfigureCamera(**{"camera_id": CAMERA, "command_id": f"k{next(_command)}", **more})


def lost(at: int) -> CameraStatusChanged:
    """The edge says that it lost the camera."""
    return CameraStatusChanged(camera_id=CAMERA, changed_at=at, status="BACKOFF")


def entries(records: Iterable[Event], appended_at: int | None = None) -> list[LogEntry]:
    return [
        LogEntry(Position(epoch=1, partition=0, offset=offset, index=0), appended_at, record)
        for offset, record in enumerate(records)
        if isinstance(record, LogRecord)
    ]


def fold(log: Iterable[LogEntry], state: CameraState | None = None) -> tuple[CameraState, list[Output]]:
    state, outputs = state or CameraState(CAMERA), list[Output]()
    for entry in log:
        state, said = step(state, entry)
        outputs += said
    return state, outputs


def said(records: Iterable[Event], kind: type[Body]) -> list[Body]:
    """All of one kind that the fold says about a log."""
    return of(fold(entries(records))[1], kind)


def of(outputs: Iterable[object], kind: type[Body]) -> list[Body]:
    return [each for each in outputs if isinstance(each, kind)]


class Sightings:
    """Drives the zone part with tracks of the test's own choice."""

    def __init__(self, *shapes: Zone | Line) -> None:
        self.state = ZoneState()
        self.changes: list[Change] = []
        self._keep(zones.redefine(self.state, laid_out(*shapes)))

    def see(self, at: int, people: Mapping[int, Point]) -> None:
        numbers = sorted(people)
        boxes = np.array([box_at(people[number]) for number in numbers]).reshape(-1, 4)
        track_no = np.array(numbers, dtype=np.int64)
        self._keep(zones.observe(self.state, [zones.sight(self.state.layout, at, track_no, boxes, (WIDTH, HEIGHT))]))

    def lose(self, *numbers: int) -> None:
        self._keep(zones.end(self.state, [(number, "TRACK_ENDED") for number in numbers]))

    def _keep(self, step: tuple[ZoneState, list[Change]]) -> None:
        self.state, changes = step
        self.changes += changes


def laid_out(*shapes: Zone | Line) -> Layout:
    return Layout().succeeded_by(
        0,
        tuple(shape for shape in shapes if isinstance(shape, Zone)),
        tuple(shape for shape in shapes if isinstance(shape, Line)),
    )


# --- strategies -------------------------------------------------------------------------------------------------------

sixty_fourths = st.integers(0, 64).map(lambda step: step / 64)
spots = st.tuples(sixty_fourths, sixty_fourths)
legs = st.tuples(st.integers(-16, 16), st.integers(-16, 16), st.integers(3_000, 8_000))
intervals_ms = st.sampled_from([7, 33, 40, 100, 333, 500, 1_000, 1_999])


@st.composite
def polygons(draw: st.DrawFn) -> tuple[Point, ...]:
    """Simple polygons on the grid, convex or not: columns of different heights side by side."""
    columns = sorted(draw(st.sets(st.integers(0, 64), min_size=2, max_size=5)))
    heights = [sorted(draw(st.sets(st.integers(0, 64), min_size=2, max_size=2))) for _ in columns]
    above = [(x / 64, low / 64) for x, (low, _) in zip(columns, heights, strict=True)]
    below = [(x / 64, high / 64) for x, (_, high) in zip(columns, heights, strict=True)]
    return (*above, *reversed(below))


@st.composite
def zones_of(draw: st.DrawFn, zone_id: str) -> Zone:
    return Zone(
        zone_id=zone_id,
        name=zone_id,
        kind=draw(st.sampled_from(["WORK", "QUEUE", "REST", "OTHER"])),
        polygon=draw(polygons()),
        min_stay_ms=draw(st.sampled_from([0, 1, 300, 500, 2_000])),
        grace_ms=draw(st.sampled_from([0, 1, 400, 2_000, 5_000])),
    )


@st.composite
def walks(draw: st.DrawFn) -> list[tuple[int, Point]]:
    """One person's matched frames: moments and places on the grid."""
    places = draw(st.lists(spots, min_size=1, max_size=25))
    steps = draw(st.lists(intervals_ms, min_size=len(places), max_size=len(places)))
    moments = np.cumsum([BORN, *steps[1:]]).tolist()
    return list(zip(moments, places, strict=True))


@st.composite
def strolls(draw: st.DrawFn) -> list[tuple[int, Point]]:
    """One person's way as its corners, so slow that a box as wide as a quarter of the frame is followed at any rate."""
    x, y = draw(st.integers(8, 56)), draw(st.integers(8, 56))
    corners = [(START, (x / 64, y / 64))]
    for dx, dy, lasting in draw(st.lists(legs, min_size=4, max_size=12)):
        x, y = min(max(x + dx, 0), 64), min(max(y + dy, 0), 64)
        corners.append((corners[-1][0] + lasting, (x / 64, y / 64)))
    return corners


@st.composite
def looks(draw: st.DrawFn, end: int) -> list[int]:
    """When a camera looks, from START to `end`: never a gap, else at random."""
    moments = [START]
    while moments[-1] < end:
        moments.append(moments[-1] + draw(st.sampled_from([33, 100, 333, 900])))
    return moments[:-1]


@st.composite
def logs(draw: st.DrawFn, *, edits: bool = True) -> list[LogRecord]:
    """A camera's log: people who come, walk, hide and meet; gaps, losses, silence, edits, repeats; then a long quiet.

    A random generator of its own makes it lively; hypothesis shortens it.
    """
    random = Random(draw(st.integers(0, 2**32)))
    people = [_strides(random) for _ in range(random.randint(1, 4))]
    at, seq = START + MINUTE - random.randint(0, 5_000), 0
    records: list[LogRecord] = [define(_room(random, "a"), _room(random, "b"), vertical("door", 0.5, min_stay_ms=300))]
    for _ in range(draw(st.integers(1, 100))):
        at, seq = at + random.choice([33, 100, 100, 100, 300, 300, 300, 500, 900]), seq + 1
        at += random.choice([0] * 60 + [1_500, 2_500, 70_000])
        boxes = [box for person in people if (box := next(person)) is not None]
        records.append(frame(seq, at, boxes, gated=not boxes))
        records += _between_frames(random, records[-1], at, edits=edits)
    return [*records, frame(seq + 1, at + 3 * MINUTE)]


def _room(random: Random, zone_id: str) -> Zone:
    """A large zone, at times with a bay."""
    (left, right), (top, bottom) = (
        (random.randint(0, 24) / 64, random.randint(40, 64) / 64),
        (0.125, random.choice([0.75, 1.0])),
    )
    bay = (((left + right) / 2, random.choice([top, 0.5, 0.625])),)
    return Zone(
        zone_id=zone_id,
        name=zone_id,
        kind=random.choice(["WORK", "QUEUE", "REST", "OTHER"]),
        polygon=((left, top), *(bay if bay[0][1] > top else ()), (right, top), (right, bottom), (left, bottom)),
        anchor=random.choice(["FOOT", "FOOT", "CENTRE"]),
        min_stay_ms=random.choice([0, 300, 500, 2_000]),
        grace_ms=random.choice([0, 400, 2_000, 5_000]),
    )


def _strides(random: Random) -> Iterator[Box | None]:
    """One person's boxes, frame by frame: up to a third of the box's width at a time, mostly one way, often in full view."""
    x, lane, pace = random.randrange(65), random.choice([0.25, 0.5, 0.75, 1.0]), random.choice([-2, 0, 2])
    hidden = 0
    while True:
        x = min(max(x + pace + random.randint(-2, 2), -3), 67)
        pace = -pace if random.random() < 0.05 else pace
        hidden = random.randint(1, 12) if random.random() < 0.02 else max(hidden - 1, 0)
        yield None if hidden else box_at((x / 64, lane), (192, 128))


def _between_frames(random: Random, last: LogRecord, at: int, *, edits: bool) -> list[LogRecord]:
    rooms = [_room(random, name) for name in "abc" if random.random() < 0.6]
    happenings: list[list[LogRecord]] = [
        [last],
        [CameraSilent(camera_id=CAMERA, last_seen_at=at, noticed_at=at + 10_000)],
        [lost(at)],
        [define(expected_revision=99)],
        [configure(enabled=False), frame(REFUSED_WHILE_DISABLED + at % 1_000, at + 1), configure()],
    ]
    if edits:
        happenings += [[define(*rooms)], [define(*rooms)]]
    return random.choice(happenings) if random.random() < 0.1 else []
