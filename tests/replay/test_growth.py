"""After partitions were added, a camera whose log goes on elsewhere is replayed and verified as if it had always stood there."""

from itertools import count
from typing import Any

import msgspec
import pytest

from stream_processors.replay.digests import digest, merged
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Plan
from stream_processors.replay.span import Span
from stream_processors.replay.summary import CameraTally, Tally
from stream_processors.replay.summary import merged as merged_tallies
from stream_processors.replay.verifying import verify_partition
from stream_processors.runtime.partitioning import Partitioning, home
from tests.domain.walks import DESK, define
from tests.replay.live import Live
from tests.replay.partitions import HOUR, NOON, bursts, run, steps

BEFORE, AFTER = 2, 3
CAMERA = next(
    name for name in (f"c{number}" for number in count()) if (home(name.encode(), 2), home(name.encode(), 3)) == (1, 2)
)


RECORDS: list[Any] = [msgspec.structs.replace(each, camera_id=CAMERA) for each in (define(DESK), *bursts(4))]


@pytest.fixture
def unmoved() -> Live:
    """The same camera, if there had always been so many partitions."""
    system = Live(2, Partitioning(AFTER))
    system.run(RECORDS)
    return system


@pytest.fixture
def parts() -> list[Live]:
    """Its log before the third partition was added, in somebody's visit, and after."""
    old = Live(1, Partitioning(BEFORE))
    old.run(RECORDS[:38])
    new = Live(2, Partitioning(AFTER, ((0, old.end),)))
    new.bring(old)
    new.run(RECORDS[38:])
    return [old, new]


def without_place(said: list[Said]) -> list[Any]:
    return [msgspec.structs.replace(each.output, position=None) for each in said]


def replayed(system: Live, span: Span) -> list[Said]:
    return steps(run(system, Plan(span=span)))


def test_a_range_after_it_is_replayed_from_the_state_that_was_brought_along(unmoved: Live, parts: list[Live]) -> None:
    span = Span(NOON + HOUR + HOUR // 2, NOON + 3 * HOUR)
    found = run(parts[1], Plan(span=span))
    assert without_place(steps(found)) == without_place(replayed(unmoved, span))
    assert found.course.approximate == frozenset()


@pytest.mark.parametrize("span", [Span(), Span(NOON, NOON + 3 * HOUR), Span(NOON + HOUR - 3_000, NOON + HOUR + 3_000)])
def test_a_range_across_it_is_the_sum_of_both_partitions(span: Span, unmoved: Live, parts: list[Live]) -> None:
    found = [each for part in parts for each in replayed(part, span)]
    assert without_place(found) == without_place(replayed(unmoved, span))


def test_both_parts_are_verified(parts: list[Live]) -> None:
    for part in parts:
        verdict = verify_partition(part.topics, Plan(), part.end, lambda *_: None)
        assert (verdict.agrees, verdict.incomparable) == (True, {})
        assert verdict.hours


def test_the_summary_of_a_camera_in_two_partitions_is_the_sum_of_its_parts() -> None:
    old, new = Tally(), Tally()
    old.cameras["c"] = CameraTally(100, 200, outputs=3, open_visits=1)
    new.cameras["c"] = CameraTally(300, 400, outputs=2, open_visits=-1, settled=True)
    assert merged_tallies([old, new]).cameras["c"] == CameraTally(100, 400, 5, 0, settled=True)


def test_the_digest_of_a_file_in_two_partitions_is_over_those_of_its_parts() -> None:
    one, other, nothing = (digest(each).hexdigest() for each in (b"one", b"other", b""))
    found = merged([{"c": {"a": one, "b": nothing}}, {"c": {"a": other, "b": one}}, {"d": {"a": nothing, "b": one}}])
    assert found["c"] == {"a": digest(bytes.fromhex(one + other)).hexdigest(), "b": one}
    assert found["d"] == {"a": nothing, "b": one}
