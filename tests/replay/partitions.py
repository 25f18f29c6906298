"""How the tests speak of one partition: logs of cameras that a live system has folded, ranges of them, and their replays."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.events import (
    CameraSilent,
    CameraStatusChanged,
    Event,
    FrameObserved,
    LineCrossed,
    LogRecord,
    ZoneMinuteMeasured,
    ZoneVisitEvent,
)
from stream_processors.replay.engine import PartitionRun
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Plan
from stream_processors.replay.shapes import OtherZones, Shapes
from stream_processors.replay.span import Span
from tests.domain.walks import MINUTE, START, film, square, standing
from tests.replay.live import Live

HOUR = 3_600_000
SHIFT = -(START + MINUTE + 10_000) % HOUR  # a UTC hour begins some ten seconds into a log of `walks.logs`
BEGIN = START + SHIFT
OTHER = OtherZones(every=Shapes(zones=(square("desk", 0.25, 0.25, 1, 1), square("aisle", 0, 0, 0.5, 1))))
NOON = BEGIN // HOUR * HOUR + 12 * HOUR

# Where the people are, for the most part: around the hour, which is also a minute.
moments = st.one_of(st.integers(50_000, 100_000), st.just(70_000), st.integers(0, 240_000)).map(
    lambda each: BEGIN + each
)
spans = st.sets(moments, min_size=2, max_size=2).map(lambda each: Span(min(each), max(each)))


def shifted(record: Any, camera_id: str = "c1") -> Any:
    kinds: dict[type[Event], tuple[str, ...]] = {
        FrameObserved: ("observed_at",),
        CameraSilent: ("last_seen_at", "noticed_at"),
        CameraStatusChanged: ("changed_at",),
    }
    moved = {name: getattr(record, name) + SHIFT for name in kinds.get(type(record), ())}
    return msgspec.structs.replace(record, camera_id=camera_id, **moved)


def live(*cameras: Iterable[LogRecord]) -> Live:
    """A live system that has folded the cameras' logs, record by record in turn."""
    system = Live()
    named = [[shifted(record, f"c{number}") for record in log] for number, log in enumerate(cameras, 1)]
    system.run(record for turn in zip_longest(*named) for record in turn if record is not None)
    return system


def run(system: Live, plan: Plan, mark: bytes | None = None) -> PartitionRun:
    found = PartitionRun(system.topics, plan, system.end)
    found.begin(mark)
    return found


def steps(found: PartitionRun) -> list[Said]:
    return [said for _, reported in found.steps(lambda *_: None) for said in reported]


def bursts(hours: int) -> list[FrameObserved]:
    """Somebody at the desk for eight seconds about each hour, and at half past."""
    times = [
        at + offset
        for hour in range(hours)
        for at in (NOON + hour * HOUR - 4_000, NOON + hour * HOUR + HOUR // 2)
        for offset in range(0, 8_000, 500)
    ]
    return film(times, standing(0.5, 0.5))


def zoned(said: Iterable[Said]) -> list[Said]:
    return [each for each in said if isinstance(each.output, ZoneVisitEvent | LineCrossed | ZoneMinuteMeasured)]
