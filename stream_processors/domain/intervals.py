"""Sets of time as sorted, disjoint, half-open intervals of integer milliseconds. Exact: no rounding anywhere."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Interval: TypeAlias = tuple[int, int]


def total(intervals: Iterable[Interval]) -> int:
    """The length of the set, in ms."""
    return sum(end - start for start, end in intervals)


def clip(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """The part of the set inside [start, end)."""
    return [(max(a, start), min(b, end)) for a, b in intervals if a < end and start < b]


def intersect(left: Iterable[Interval], right: Sequence[Interval]) -> list[Interval]:
    """What lies in both sets."""
    return [part for start, end in left for part in clip(right, start, end)]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """One set out of intervals in any order that may overlap."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif start < end:
            merged.append((start, end))
    return merged


def subtract(left: Iterable[Interval], right: Sequence[Interval]) -> list[Interval]:
    """What lies in the left set only."""
    return [part for interval in left for part in _subtract_one(interval, right)]


def most_at_once(intervals: Iterable[Interval]) -> int:
    """The largest number of intervals that share a moment; one that ends as another begins does not share it."""
    edges = sorted(
        (moment, step) for start, end in intervals if start < end for moment, step in ((start, 1), (end, -1))
    )
    depth = deepest = 0
    for _, step in edges:
        depth += step
        deepest = max(deepest, depth)
    return deepest


def _subtract_one(interval: Interval, right: Sequence[Interval]) -> list[Interval]:
    start, end = interval
    rest: list[Interval] = []
    for a, b in clip(right, start, end):
        if start < a:
            rest.append((start, a))
        start = b
    return [*rest, (start, end)] if start < end else rest
