"""The projector over the in-memory store and registry: what it waits for, what it sets aside, and what it never loses."""

import math
from collections.abc import Callable, Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CameraSilent, Event
from schemas.patience import REGISTERED_WITHIN_S
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.topics import TRACKS, ZONE_VISITS
from schemas.wire import Wire
from stream_processors.projections.errors import TransientError
from stream_processors.projections.memory import MemoryStore
from stream_processors.projections.projector import GapError, Projector, SourceRecord, StoppedError, delays
from stream_processors.projections.store import Appended
from tests.projections.letters import Letters
from tests.projections.samples import NOON, at, seen, track_ended, tracks_observed, zone_exited


class FaultyStore(MemoryStore):
    """Fails the first writes with the given errors; `after` means the rows are stored all the same."""

    def __init__(self, *faults: Exception, after: bool = False) -> None:
        super().__init__()
        self.faults = list(faults)
        self.after = after

    def write(
        self, topic: str, partition: int, expected_offset: int, next_offset: int, events: Sequence[Appended]
    ) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is None or self.after:
            super().write(topic, partition, expected_offset, next_offset, events)
        if fault is not None:
            raise fault


class FaultyRegistry(MemoryRegistry):
    """Is away for the first questions."""

    def __init__(self, away: int) -> None:
        super().__init__()
        self.away = away

    def schema(self, schema_id: int) -> str | None:
        self.away -= 1
        if self.away >= 0:
            raise RegistryUnavailableError("registry away")
        return super().schema(schema_id)


class Bench:
    """A projector with everything around it in memory."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        registry: MemoryRegistry | None = None,
        *,
        first_offset: int = 0,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.store = store or MemoryStore()
        self.registry = registry or MemoryRegistry()
        self.letters = Letters()
        self.waits: list[float] = []
        self.projector = Projector(
            self.store,
            Wire(self.registry),
            self.letters,
            lambda _topic, _partition: first_offset,
            wait or self._wait,
            now=lambda: sum(self.waits),
        )

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        assert len(self.waits) < 1_000, "waits for ever"
        return False

    def record(self, offset: int, event: Event | bytes, topic: str = TRACKS, partition: int = 0) -> SourceRecord:
        value = event if isinstance(event, bytes) else Wire(self.registry).encode(event)
        return SourceRecord(topic, partition, offset, NOON, b"entrance", value)

    def ended(self, *offsets: int, partition: int = 0) -> list[SourceRecord]:
        return [
            self.record(n, track_ended(track_no=n, started_at=NOON + n, position=at(n)), partition=partition)
            for n in offsets
        ]

    def stored(self) -> list[int]:
        return sorted(row["track_no"] for row in self.store.tables["tracks"])


BAD_BOX = tracks_observed(tracks=(seen(x=math.nan),))


def test_records_of_several_partitions_and_topics_go_each_to_its_place() -> None:
    bench = Bench()
    visit = bench.record(0, zone_exited(), topic=ZONE_VISITS)
    bench.projector.project([*bench.ended(1), visit, *bench.ended(0), *bench.ended(0, partition=3)])
    assert [bench.store.next_offset(*place) for place in ((TRACKS, 0), (TRACKS, 3), (ZONE_VISITS, 0))] == [2, 1, 1]
    assert bench.stored() == [0, 1]
    assert len(bench.store.tables["zone_visits"]) == 1


def test_records_that_are_in_the_read_model_are_skipped() -> None:
    bench = Bench()
    bench.projector.project(bench.ended(0, 1))
    bench.store.tables.clear()
    bench.projector.project(bench.ended(0, 1, 2))
    assert bench.stored() == [2]


def test_a_new_projector_goes_on_where_the_read_model_is() -> None:
    first = Bench()
    first.projector.project(first.ended(0, 1))
    second = Bench(first.store, first.registry)
    second.projector.project(second.ended(0, 1, 2))
    assert second.stored() == [0, 1, 2]


@pytest.mark.parametrize("value", [b"", b"{}", b"\0\0\0\0\1", b"\0\0\0\0\1\xff"])
def test_an_unreadable_record_is_set_aside_and_the_flow_goes_on(value: bytes) -> None:
    bench = Bench()
    first, last = bench.ended(0, 2)
    bench.projector.project([first, bench.record(1, value), last])
    assert bench.letters.taken == [(1, "UNDECODABLE")]
    assert bench.stored() == [0, 2]
    assert bench.store.next_offset(TRACKS, 0) == 3


def test_unreadable_records_at_the_end_of_a_batch_are_not_asked_for_again() -> None:
    bench = Bench()
    bench.projector.project([*bench.ended(0), bench.record(1, b"junk")])
    assert bench.store.next_offset(TRACKS, 0) == 2


@given(bad=st.sets(st.integers(0, 29)), size=st.integers(1, 30))
def test_bad_rows_are_found_and_set_aside_and_nothing_else_is(bad: set[int], size: int) -> None:
    bench = Bench()
    records = [bench.record(n, BAD_BOX) if n in bad else bench.ended(n)[0] for n in range(30)]
    for first in range(0, 30, size):
        bench.projector.project(records[first : first + size])
    assert bench.letters.taken == [(n, "BAD_ROW") for n in sorted(bad)]
    assert bench.stored() == [n for n in range(30) if n not in bad]
    assert bench.store.next_offset(TRACKS, 0) == 30


def test_a_record_that_does_not_belong_in_the_read_model_is_set_aside() -> None:
    bench = Bench()
    bench.projector.project([bench.record(0, CameraSilent(camera_id="entrance", last_seen_at=NOON, noticed_at=NOON))])
    assert bench.letters.taken == [(0, "BAD_ROW")]


def test_an_absent_database_is_waited_for_longer_and_longer_and_nothing_is_lost() -> None:
    bench = Bench(FaultyStore(*[TransientError("OperationalError", "away")] * 12))
    bench.projector.project(bench.ended(0, 1))
    assert bench.stored() == [0, 1]
    assert len(bench.waits) == 12
    assert max(bench.waits) <= 15
    assert bench.waits[-1] > bench.waits[0]


def test_a_commit_whose_answer_was_lost_is_not_applied_twice() -> None:
    bench = Bench(FaultyStore(TransientError("OperationalError", "link lost"), after=True))
    bench.projector.project(bench.ended(0, 1))
    assert bench.stored() == [0, 1]
    assert bench.store.next_offset(TRACKS, 0) == 2


def test_a_worker_that_ends_while_it_waits_gives_up_without_losing_its_place() -> None:
    bench = Bench(FaultyStore(TransientError("OperationalError", "away")), wait=lambda _seconds: True)
    with pytest.raises(StoppedError):
        bench.projector.project(bench.ended(0))
    assert bench.store.next_offset(TRACKS, 0) == 0


def test_an_absent_registry_is_waited_for() -> None:
    bench = Bench(registry=FaultyRegistry(away=3))
    bench.projector.project(bench.ended(0))
    assert bench.stored() == [0]
    assert len(bench.waits) == 3


def test_a_schema_that_stays_unknown_is_waited_for_and_then_set_aside() -> None:
    bench = Bench()
    bench.projector.project([bench.record(0, b"\0\0\0\0\x63body"), *bench.ended(1)])
    assert bench.letters.taken == [(0, "UNKNOWN_SCHEMA")]
    assert REGISTERED_WITHIN_S <= sum(bench.waits) <= 2 * REGISTERED_WITHIN_S + 1
    assert bench.stored() == [1]


def test_a_writer_overtaken_by_another_writes_only_what_is_left() -> None:
    one = Bench()
    one.projector.project(one.ended(0))
    other = Bench(one.store, one.registry)
    other.projector.project(other.ended(0, 1, 2))
    one.store.tables.clear()
    one.projector.project(one.ended(1, 2, 3))
    assert one.stored() == [3]
    assert one.store.next_offset(TRACKS, 0) == 4


def test_a_writer_overtaken_beyond_its_batch_writes_nothing() -> None:
    one = Bench()
    one.projector.project(one.ended(0))
    one.store.write(TRACKS, 0, 1, 9, [])
    one.projector.project(one.ended(1, 2))
    assert one.stored() == [0]


def test_a_gap_that_the_topic_could_fill_stops_the_worker() -> None:
    bench = Bench(first_offset=0)
    with pytest.raises(GapError, match="offset 0 should have come, but 5 came"):
        bench.projector.project(bench.ended(5))
    assert bench.store.next_offset(TRACKS, 0) == 0


def test_a_gap_within_a_batch_stops_the_worker_too() -> None:
    bench = Bench(first_offset=0)
    with pytest.raises(GapError, match="offset 2 should have come, but 3 came"):
        bench.projector.project(bench.ended(0, 1, 3))
    assert bench.stored() == []


def test_a_gap_that_retention_left_is_passed() -> None:
    bench = Bench(first_offset=5)
    bench.projector.project(bench.ended(5, 6))
    assert bench.stored() == [5, 6]


def test_after_a_rebalance_the_read_model_is_asked_again() -> None:
    bench = Bench()
    bench.projector.project(bench.ended(0))
    bench.store.write(TRACKS, 0, 1, 2, [])
    bench.projector.forget()
    bench.projector.project(bench.ended(1, 2))
    assert bench.stored() == [0, 2]


@given(st.floats(0, 1))
def test_waits_grow_to_a_limit_and_are_spread(jitter: float) -> None:
    waits = list(islice(delays(lambda: jitter), 40))
    assert all(0.1 <= wait <= 15 for wait in waits)
    assert waits == sorted(waits)
    assert waits[-1] >= 7.5
