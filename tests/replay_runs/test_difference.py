"""The signed difference between two sets of visits and minutes, case by case and by its laws."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.replay.difference import (
    HOUR_MS,
    Amounts,
    Change,
    Difference,
    HourDifference,
    Minute,
    Side,
    Visit,
    VisitDifference,
    difference,
    total,
)

NEGATED: dict[Change, Change] = {
    "ADDED": "REMOVED", "REMOVED": "ADDED", "LONGER": "SHORTER", "SHORTER": "LONGER", "MOVED": "MOVED",
}  # fmt: skip


def visit(entered_at: int, exited_at: int | None, track_no: int = 1, zone_id: str = "desk") -> Visit:
    return Visit("door", zone_id, track_no, entered_at, exited_at)


def minute(at: int, zone_id: str = "desk", **amounts: int) -> Minute:
    zeros = dict.fromkeys(Minute._fields[3:], 0) | {"observed_ms": 60_000}
    return Minute("door", zone_id, at, **(zeros | amounts))


def of_visits(before: Iterable[Visit], after: Iterable[Visit], *, same_tracks: bool = True) -> list[VisitDifference]:
    return difference(Side(before, []), Side(after, []), same_tracks=same_tracks).visits


def changes(before: Iterable[Visit], after: Iterable[Visit], **how: Any) -> list[Change]:
    return [each.change for each in of_visits(before, after, **how)]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (visit(0, 10), visit(0, 12), "LONGER"),
        (visit(0, 10), visit(0, 8), "SHORTER"),
        (visit(0, 10), visit(2, 12), "MOVED"),
        (visit(0, 10), visit(0, None), "LONGER"),
        (visit(0, None), visit(5, None), "SHORTER"),
        (visit(3, 3), visit(3, 9), "LONGER"),
    ],
)
def test_two_visits_that_share_time_are_one_visit_that_changed(before: Visit, after: Visit, change: Change) -> None:
    assert of_visits([before], [after]) == [VisitDifference(before, after)]
    assert changes([before], [after]) == [change]


@pytest.mark.parametrize(
    "after",
    [visit(10, 20), visit(0, 10, zone_id="sofa"), visit(0, 10, track_no=2)],
    ids=["another time", "another zone", "another person"],
)
def test_what_shares_no_time_zone_or_person_was_removed_and_added(after: Visit) -> None:
    assert sorted(changes([visit(0, 10)], [after])) == ["ADDED", "REMOVED"]


def test_when_tracks_were_cut_otherwise_time_alone_decides() -> None:
    assert changes([visit(0, 10)], [visit(0, 12, track_no=2)], same_tracks=False) == ["LONGER"]


def test_of_several_visits_the_pair_that_shares_most_time_is_one() -> None:
    before, after = [visit(0, 100)], [visit(0, 40), visit(50, 100)]
    assert of_visits(before, after) == [VisitDifference(None, after[0]), VisitDifference(before[0], after[1])]


def test_an_open_visit_counts_as_a_visit_and_adds_no_dwell() -> None:
    (hour,) = difference(Side([visit(5, None)], []), Side([visit(5, 9)], []), same_tracks=True).hours
    assert hour.difference == Amounts(dwell_ms=4)


def test_amounts_stand_in_the_hour_of_their_minute_and_of_the_entry() -> None:
    after = Side(
        [visit(HOUR_MS - 1, HOUR_MS + 9)], [minute(HOUR_MS, person_ms=9), minute(HOUR_MS + 60_000, person_ms=1)]
    )
    hours = difference(Side([], []), after, same_tracks=True).hours
    assert [(each.hour, each.before) for each in hours] == [(0, None), (HOUR_MS, None)]
    assert hours[0].after == Amounts(visits=1, dwell_ms=10)
    assert hours[1].after == Amounts(person_ms=10, observed_ms=120_000)


names = st.sampled_from(["a", "b"])
visits = st.builds(
    lambda camera, zone, track, entered, dwell: Visit(
        camera, zone, track, entered, None if dwell is None else entered + dwell
    ),
    names,
    names,
    st.integers(1, 3),
    st.integers(0, 30),
    st.none() | st.integers(0, 20),
)
minutes = st.builds(
    Minute, names, names, st.integers(0, 3).map(lambda n: n * 1_800_000), *[st.integers(0, 1_000)] * 6
)  # fmt: skip
sides = st.builds(
    Side,
    st.lists(visits, max_size=12, unique_by=lambda each: each[:4]),
    st.lists(minutes, max_size=8, unique_by=lambda each: each[:3]),
)


@given(sides, st.booleans())
def test_a_side_differs_from_itself_in_nothing(side: Side, same_tracks: bool) -> None:
    found = difference(side, side, same_tracks=same_tracks)
    assert found.is_empty
    assert found.same_visits == len(list(side.visits))


@given(sides, sides, st.booleans())
def test_swapped_sides_negate_every_change(before: Side, after: Side, same_tracks: bool) -> None:
    there = difference(before, after, same_tracks=same_tracks)
    back = difference(after, before, same_tracks=same_tracks)
    assert there.hours == [_swapped(each) for each in back.hours]
    assert [each.difference for each in there.hours] == [Amounts().minus(each.difference) for each in back.hours]
    assert set(there.visits) == {VisitDifference(each.after, each.before) for each in back.visits}
    assert Counter(each.change for each in there.visits) == Counter(NEGATED[each.change] for each in back.visits)


def _swapped(each: HourDifference) -> HourDifference:
    return each._replace(before=each.after, after=each.before)


@given(sides, sides, st.booleans())
def test_every_visit_is_told_once_and_the_hours_add_up_to_the_sides(
    before: Side, after: Side, same_tracks: bool
) -> None:
    found = difference(before, after, same_tracks=same_tracks)
    for name, side in (("before", before), ("after", after)):
        told = [getattr(each, name) for each in found.visits if getattr(each, name) is not None]
        assert len(set(told)) == len(told)
        assert len(told) + found.same_visits == len(list(side.visits))
    assert total(found.hours) == (_sum(before), _sum(after))


def _sum(side: Side) -> Amounts:
    visits = list(side.visits)
    measured = {name: sum(getattr(each, name) for each in side.minutes) for name in Minute._fields[3:]}
    dwell = sum(each.exited_at - each.entered_at for each in visits if each.exited_at is not None)
    return Amounts(**measured, visits=len(visits), dwell_ms=dwell)


@given(sides, sides, st.booleans(), st.randoms())
def test_the_order_in_which_visits_and_minutes_come_does_not_matter(
    before: Side, after: Side, same_tracks: bool, chance: Any
) -> None:
    def shuffled(side: Side) -> Side:
        return Side(*(chance.sample(list(each), len(list(each))) for each in side))

    assert difference(shuffled(before), shuffled(after), same_tracks=same_tracks) == difference(
        before, after, same_tracks=same_tracks
    )


def test_nothing_and_nothing_differ_in_nothing() -> None:
    assert difference(Side([], []), Side([], []), same_tracks=True) == Difference([], [], 0)
