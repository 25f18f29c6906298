"""Event streams over a real database: what was published comes out again, in order, live facts only, by index."""

import asyncio
import itertools
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, text

from graphql_api.cursors import BEGINNING, EARLIEST, place_of
from graphql_api.database import Database
from graphql_api.event_stream import CaughtUp, Reader, Source, follow
from graphql_api.live import Live
from graphql_api.sql import streams
from graphql_api.sql.streams import cameras_kept, newest_places, page_after
from schemas.events import CameraStatusObserved, CommandRefused, Derived, Event, Position
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS
from tests.api.doubles import crossed, entered, exited
from tests.api.projected import store

pytestmark = pytest.mark.integration


def visit(offset: int, camera_id: str, epoch: int = 0) -> list[Event]:
    """Somebody comes, crosses a line and goes: three records that lie apart in the log."""
    begun, gone, over = entered(offset, camera_id), exited(offset, camera_id), crossed(offset, camera_id)
    gone = msgspec.structs.replace(gone, **{name: getattr(begun, name) for name in _ENTRY})
    return [_at(begun, offset, epoch), _at(over, offset + 10, epoch), _at(gone, offset + 20, epoch)]


_ENTRY = ("entered_at", "entered_at_min", "entered_at_max", "entry_reason")


def _at(event: Any, offset: int, epoch: int) -> Event:
    moved: Event = msgspec.structs.replace(event, position=Position(epoch=epoch, partition=0, offset=offset, index=1))
    return moved


def told(source: Source[Any], database: Database, reader: Reader, after: str) -> list[Event]:
    """All that a reader is told until it has caught up."""

    async def read() -> list[Event]:
        found: list[Event] = []
        async for item in follow(source, database, reader, after):
            if isinstance(item.told, CaughtUp):
                return found
            assert isinstance(item.told, Event)
            found.append(item.told)
        raise AssertionError("a stream does not end")

    return asyncio.run(asyncio.wait_for(read(), 30))


def behind(live: Live, partitions: int, starts: int = 100) -> None:
    """A process whose rings begin after all that is stored."""
    bounds = dict.fromkeys(range(partitions), (starts, starts))
    live.begin({ZONE_VISITS: bounds, CAMERA_EVENTS: bounds})


def test_what_was_published_comes_out_of_the_database_in_order(database: str, read_model: Database) -> None:
    published = [*visit(0, "a"), *visit(3, "b"), *visit(40, "a"), *visit(2, "b", epoch=1)]
    store(database, ZONE_VISITS, published, {0: 100})
    live = Live(10)
    behind(live, 1)
    everyone = Reader("all", lambda _: True)
    expected = sorted(published, key=_seq)
    assert told(live.visits, read_model, everyone, EARLIEST) == expected


def test_restated_facts_are_not_news(database: str, read_model: Database) -> None:
    live_facts = visit(0, "a")
    restated = [msgspec.structs.replace(event, restatement=1) for event in visit(50, "a")]
    store(database, ZONE_VISITS, [*live_facts, *restated], {0: 100})
    live = Live(10)
    behind(live, 1)
    assert told(live.visits, read_model, Reader("all", lambda _: True), EARLIEST) == live_facts


def test_only_the_cameras_asked_for_are_read(database: str, read_model: Database) -> None:
    store(database, ZONE_VISITS, [*visit(0, "a"), *visit(3, "b")], {0: 100, 1: 100})
    live = Live(10)
    behind(live, 2)
    only_b = Reader("b", lambda camera_id: camera_id == "b", ["b"])
    assert told(live.visits, read_model, only_b, EARLIEST) == visit(3, "b")


def test_pages_join_without_gap_or_double(database: str, read_model: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.event_stream.READ_AT_ONCE", 4)
    published = list(itertools.chain.from_iterable(visit(30 * n, f"camera-{n % 3}") for n in range(7)))
    store(database, ZONE_VISITS, published, {0: 1000, 1: 1000})
    live = Live(10)
    behind(live, 2, starts=1000)
    found = told(live.visits, read_model, Reader("all", lambda _: True), EARLIEST)
    for number in range(3):
        mine = [_offset(event) for event in published if event.camera_id == f"camera-{number}"]
        assert [_offset(event) for event in found if event.camera_id == f"camera-{number}"] == mine


def test_camera_events_come_out_as_they_were_published(database: str, read_model: Database) -> None:
    place: dict[str, Any] = {"camera_id": "a", "command_id": "c"}
    published: list[Event] = [
        CommandRefused(**place, position=_place(1), command="DefineZones", reason="REVISION_CONFLICT", revision=3),
        CameraStatusObserved(
            camera_id="a", position=_place(2), status="STREAMING", last_seen_at=1_000, reason="it is back"
        ),
    ]
    store(database, CAMERA_EVENTS, published, {0: 100})
    live = Live(10)
    behind(live, 1)
    assert told(live.camera_events, read_model, Reader("all", lambda _: True), EARLIEST) == published


def test_the_database_knows_the_newest_place_and_how_far_back_it_goes(database: str, read_model: Database) -> None:
    store(database, ZONE_VISITS, [*visit(0, "a"), *visit(5, "b")], {0: 100})

    def ask(offset: int) -> dict[str, bool]:
        query = read_model.run(cameras_kept, streams.VISITS, lambda _: (offset, 1))
        return asyncio.run(query)

    assert asyncio.run(_newest(read_model)) == {"a": (20, 1), "b": (25, 1)}
    assert ask(4) == {"a": True, "b": False}
    assert ask(5) == {"a": True, "b": True}


def test_a_page_is_found_by_index(database: str, rows: Connection) -> None:
    events = list(itertools.chain.from_iterable(visit(30 * n, f"camera-{n % 3}") for n in range(200)))
    store(database, ZONE_VISITS, events, {0: 10_000})
    rows.execute(text("ANALYZE zone_visits; ANALYZE line_crossings; SET enable_seqscan = off"))
    plans: list[str] = []
    explained = _Explained(rows, plans)
    page_after(explained, streams.VISITS, ["camera-1"], lambda _: BEGINNING, 10)  # type: ignore[arg-type]
    (plan,) = [plan for plan in plans if "zone_visits" in plan]
    assert "Seq Scan" not in plan
    assert "zone_visits_by_entry_position" in plan
    assert "zone_visits_by_position" in plan
    assert "line_crossings_by_position" in plan


class _Explained:
    """A connection that keeps the plans of what is asked."""

    def __init__(self, connection: Connection, plans: list[str]) -> None:
        self._connection = connection
        self._plans = plans

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execution_options(self, **options: Any) -> None:
        """The test's connection stays as it is, and so does its transaction."""

    def begin(self) -> Any:
        return nullcontext()

    def execute(self, statement: Any, parameters: Any) -> Any:
        plan = self._connection.execute(text(f"EXPLAIN {statement.text}"), parameters).scalars().all()
        self._plans.append("\n".join(plan))
        return self._connection.execute(statement, parameters)


def _seq(event: Event) -> tuple[int, int]:
    assert isinstance(event, Derived)
    return place_of(event.position)


def _offset(event: Event) -> int:
    assert isinstance(event, Derived)
    return event.position.offset


async def _newest(read_model: Database) -> dict[str, tuple[int, int]]:
    return await read_model.run(newest_places, streams.VISITS)


def _place(offset: int) -> Position:
    return Position(epoch=0, partition=0, offset=offset, index=0)
