"""Counting lines against an exact oracle, and the flickers that must not count."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Line, Point
from stream_processors.domain.crossings import Crossed
from tests.domain import oracle, walks
from tests.domain.oracle import Sample
from tests.domain.walks import Sightings, of, vertical

A, B = (0.25, 0.5), (0.75, 0.5)
DOOR = vertical("door", 0.5)


def crossed(samples: Sequence[Sample], line: Line = DOOR) -> list[tuple[int, str]]:
    sightings = Sightings(line)
    for at, point in samples:
        sightings.see(at, {7: point})
    sightings.lose(7)
    return [(each.moment.at, each.direction) for each in of(sightings.changes, Crossed)]


def sides(letters: str, step_ms: int = 100) -> list[Sample]:
    return [(index * step_ms, A if letter == "A" else B) for index, letter in enumerate(letters)]


@settings(max_examples=80)
@given(
    walks.walks(), st.lists(walks.spots, min_size=2, max_size=2, unique=True), st.sampled_from([0, 1, 300, 500, 2_000])
)
def test_crossings_are_those_of_the_sampled_path(samples: list[Sample], ends: list[Point], min_stay_ms: int) -> None:
    line = Line(line_id="l", name="l", points=tuple(ends), min_stay_ms=min_stay_ms)
    assert crossed(samples, line) == oracle.crossings(samples, line)


def test_from_left_to_right_on_screen_is_an_entry_and_back_an_exit() -> None:
    assert crossed(sides("AAAAAAAABBBBBBBBAAAAAAAA")) == [(750, "ENTRY"), (1_550, "EXIT")]


def test_one_flicker_to_the_other_side_is_no_crossing() -> None:
    assert crossed(sides("AAABAAAAAAAAAAA")) == []


def test_a_flicker_after_a_crossing_takes_nothing_back() -> None:
    assert crossed(sides("AABBBBBBBBABBBBBBBBB")) == [(150, "ENTRY")]


def test_a_flicker_before_a_crossing_counts_once() -> None:
    assert crossed(sides("AAABABBBBBBBBB")) == [(450, "ENTRY")]


@pytest.mark.parametrize(("held_ms", "count"), [(499, 0), (500, 1)])
def test_the_new_side_is_held_from_the_cut_on(held_ms: int, count: int) -> None:
    assert len(crossed([(0, A), (100, B), (50 + held_ms, B)])) == count


def test_who_walks_past_the_end_of_the_line_does_not_cross_it() -> None:
    half = Line(line_id="l", name="l", points=((0.5, 1.0), (0.5, 0.75)))
    assert crossed([(0, A), (1_000, B), (2_000, B)], half) == []


def test_who_crosses_stays_and_goes_back_round_the_end_has_entered() -> None:
    """The side was held for 550 ms, though no frame with the feet there lies so late."""
    half = Line(line_id="l", name="l", points=((0.5, 1.0), (0.5, 0.5)))
    samples = [(0, (0.25, 0.75)), (300, (0.75, 0.75)), (600, (0.75, 0.25)), (800, (0.25, 0.25))]
    assert crossed(samples, half) == [(150, "ENTRY")]


def test_a_track_that_ends_before_it_held_the_side_never_crossed() -> None:
    assert crossed([(0, A), (100, B), (400, B)]) == []


def test_cuts_by_several_people_wait_apart() -> None:
    sightings = Sightings(DOOR)
    for index, (one, other) in enumerate(zip(sides("AABAAAAAAAAA"), sides("BBBBAAAAAAAA"), strict=True)):
        sightings.see(index * 100, {1: one[1], 2: other[1]})
    assert [(each.track_no, each.direction) for each in of(sightings.changes, Crossed)] == [(2, "EXIT")]
