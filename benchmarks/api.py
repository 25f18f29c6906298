"""What the API costs in CPU: a small query, an efficiency series as columns, a live frame, a visit told to many readers.

Run: `python -m benchmarks.api`. In one process, without sockets, over stand-ins for the database; so these are lower
bounds of what a client costs, and steady ones: CPU time, not latency.
"""

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from graphql_api.access.principal import OPEN
from graphql_api.commands import Commands
from graphql_api.context import Context, Services
from graphql_api.live import Frame, Live, VisitEvent
from graphql_api.ring import RingEntry
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings
from graphql_api.sql.minutes import zone_minutes
from graphql_api.sql.sites import all_sites
from schemas.events import Position, TrackObservation, TracksObserved, ZoneEntered
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS

MINUTES = 1_000
PEOPLE = 20
READERS = 100
START = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS = "t personMs occupiedMs observedMs peak"
SERIES = f"""{{ zoneMinutes(cameraId: "c", zoneId: "z", range: {{from: "2026-03-02T00:00:00Z", to: "2026-03-03T00:00:00Z"}})
    {{ {COLUMNS} }} }}"""
FRAME = 'subscription { liveTracks(cameraId: "c", maxHz: 60) { observedAt seq trackNos boxes footPoints zoneIds detectorMs } }'
VISITS = "subscription { zoneVisits { ... on ZoneEntered { cursor cameraId trackNo zoneId enteredAt } } }"


class Rows:
    """A database that answers from memory."""

    async def run(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The rows of the two queries measured."""
        del args, kwargs
        row = {"zones_revision": 1, "restated_at": None} | dict.fromkeys(
            ("person_ms", "exclusive_person_ms", "occupied_ms", "observed_ms", "frames", "peak", "entries", "exits",
             "starts", "ends", "visits_closed", "dwell_ms_sum", "dwell_ms_max"), 30_000)  # fmt: skip
        answers = {
            all_sites: [{"site_id": "default", "name": "Site", "time_zone": "UTC"}],
            zone_minutes: [row | {"t": START}] * MINUTES,
        }
        return answers[query]


class NoLog:
    """A camera log that is never written."""

    def append(self, command: object, timeout_s: float) -> None:
        """Append nothing."""
        del command, timeout_s


def services() -> Services:
    """An API process in memory."""
    rows = Rows()
    return Services(ApiSettings(access="open"), rows, Live(10_000), Commands(NoLog(), rows, 1.0))


def frame(offset: int) -> Frame:
    """A frame with people in it."""
    person = TrackObservation(track_no=1, x1=10, y1=10, x2=60, y2=160, score=0.9, zone_ids=("desk",))
    tracks = TracksObserved(
        camera_id="c", position=_at(offset), session="s", seq=offset, observed_at=offset, width=640, height=480,
        zones_revision=1, tracks=(person,) * PEOPLE,
    )  # fmt: skip
    return Frame(tracks, 12.0)


def visit(offset: int) -> RingEntry[VisitEvent]:
    """An event for the ring."""
    event = ZoneEntered(
        camera_id="c", position=_at(offset), track_no=offset, zone_id="desk", zones_revision=1, entered_at=offset,
        entered_at_max=offset, entry_reason="CROSSED",
    )  # fmt: skip
    return RingEntry(0, offset, event)


async def queries(query: str, count: int) -> float:
    """CPU seconds of `count` executions."""
    made = services()
    began = time.process_time()
    for _ in range(count):
        result = await api_schema().execute(query, context_value=Context(made, OPEN))
        assert not result.errors, result.errors
    return time.process_time() - began


async def live_frames(count: int) -> float:
    """CPU seconds of `count` frames for one viewer, conflation's waiting not counted."""
    made = services()
    stream = await _stream(FRAME, made)
    began = time.process_time()
    for offset in range(count):
        made.live.frames.put(frame(offset))
        await anext(stream)
    return time.process_time() - began


async def visits(count: int) -> float:
    """CPU seconds of `count` deliveries, spread over `READERS` readers of one ring."""
    made = services()
    made.live.begin({ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
    streams = [await _stream(VISITS, made) for _ in range(READERS)]
    for stream in streams:
        await anext(stream)  # CaughtUp
    began = time.process_time()
    for offset in range(count // READERS):
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        made.live.visits.ring.put(visit(offset))
        await asyncio.gather(*waiting)
    return time.process_time() - began


async def _stream(query: str, made: Services) -> AsyncIterator[Any]:
    return await api_schema().stream(query, context_value=Context(made, OPEN))


def _at(offset: int) -> Position:
    return Position(epoch=0, partition=0, offset=offset, index=0)


def report(what: str, count: int, measure: Callable[[int], Awaitable[float]]) -> None:
    """Print the best of three runs."""

    async def best() -> float:
        return min([await measure(count) for _ in range(3)])

    print(f"{what:<58}{asyncio.run(best()) / count * 1e6:10.0f} µs CPU")


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    report("{ sites }", 300, lambda count: queries("{ sites { siteId name timeZone } }", count))
    report(f"zoneMinutes, {MINUTES} minutes x 5 columns", 10, lambda count: queries(SERIES, count))
    report(f"liveTracks, a frame of {PEOPLE} people to one viewer", 120, live_frames)
    report(f"zoneVisits, one event to each of {READERS} readers", 2_000, visits)


if __name__ == "__main__":
    main()
