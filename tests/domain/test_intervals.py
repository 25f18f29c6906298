"""Sets of time, held against sets of single milliseconds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.domain.intervals import Interval, clip, intersect, most_at_once, subtract, total, union

intervals = st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda each: (each[0], each[0] + each[1]))
any_order = st.lists(intervals, max_size=8)
sets = any_order.map(union)


def cells(several: list[Interval]) -> set[int]:
    return {ms for start, end in several for ms in range(start, end)}


def is_canonical(several: list[Interval]) -> bool:
    flat = [edge for interval in several for edge in interval]
    return flat == sorted(set(flat))


@settings(max_examples=50)
@given(any_order)
def test_a_union_is_sorted_and_disjoint_and_holds_every_moment_once(several: list[Interval]) -> None:
    assert cells(union(several)) == cells(several)
    assert is_canonical(union(several))
    assert total(union(several)) == len(cells(several))


@settings(max_examples=50)
@given(any_order, intervals)
def test_a_clip_is_the_part_inside(several: list[Interval], window: Interval) -> None:
    assert cells(clip(several, *window)) == cells(several) & cells([window])


@settings(max_examples=50)
@given(sets, sets)
def test_intersection_and_difference_share_a_set_out_without_remainder(
    left: list[Interval], right: list[Interval]
) -> None:
    assert cells(intersect(left, right)) == cells(left) & cells(right)
    assert cells(subtract(left, right)) == cells(left) - cells(right)
    assert total(intersect(left, right)) + total(subtract(left, right)) == total(left)


@settings(max_examples=50)
@given(any_order)
def test_the_most_at_once_is_that_of_the_fullest_moment(several: list[Interval]) -> None:
    depths = [sum(start <= ms < end for start, end in several) for ms in range(71)]
    assert most_at_once(several) == max(depths)


def test_one_that_ends_as_another_begins_does_not_share_the_moment() -> None:
    assert most_at_once([(0, 10), (10, 20)]) == 1
