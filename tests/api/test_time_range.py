"""Ranges, whole minutes and buckets."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadInputError, RangeError, TooManyBucketsError
from graphql_api.time_range import (
    MAX_BUCKETS,
    MINUTE,
    CalendarUnit,
    TimeRange,
    check_calendar,
    checked,
    edges,
    whole_minutes,
)

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def span(minutes: float, start: datetime = START) -> TimeRange:
    return TimeRange(start=start, stop=start + timedelta(minutes=minutes))


@given(st.integers(1, 3_000), st.integers(1, 500))
def test_buckets_cover_the_range_without_gap_and_only_the_last_is_cut(total: int, length: int) -> None:
    if total / length > MAX_BUCKETS:
        return
    found = edges(span(total), length * MINUTE)
    assert (found[0], found[-1]) == (START, START + total * MINUTE)
    lengths = [stop - start for start, stop in pairwise(found)]
    assert set(lengths[:-1]) <= {length * MINUTE}
    assert timedelta(0) < lengths[-1] <= length * MINUTE


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_range_without_time_in_it_is_refused(minutes: int) -> None:
    with pytest.raises(RangeError, match="`from` must be before `to`"):
        checked(span(minutes))


@pytest.mark.parametrize(
    ("start_s", "stop_s", "first", "last"),
    [(0, 120, 0, 2), (1, 121, 1, 3), (59, 61, 1, 2), (0, 1, 0, 1)],
)
def test_a_range_holds_the_minutes_that_begin_in_it(start_s: int, stop_s: int, first: int, last: int) -> None:
    asked = TimeRange(start=START + timedelta(seconds=start_s), stop=START + timedelta(seconds=stop_s))
    minutes = whole_minutes(asked)
    assert (minutes.start, minutes.stop) == (START + first * MINUTE, START + last * MINUTE)


def test_a_range_in_which_no_minute_begins_is_refused() -> None:
    with pytest.raises(RangeError, match="No whole minute begins"):
        whole_minutes(TimeRange(start=START + timedelta(seconds=1), stop=START + timedelta(seconds=60)))


@pytest.mark.parametrize("seconds", [0, -60, 30, 90])
def test_a_bucket_that_is_no_number_of_whole_minutes_is_refused(seconds: int) -> None:
    with pytest.raises(BadInputError, match="whole minutes"):
        edges(span(60), timedelta(seconds=seconds))


def test_too_many_buckets_name_a_length_that_fits() -> None:
    with pytest.raises(TooManyBucketsError, match="PT5M or longer") as caught:
        edges(span(MAX_BUCKETS + 1), MINUTE)
    assert caught.value.extensions == {"code": "TOO_MANY_BUCKETS", "suggested": "PT5M"}
    assert len(edges(span(MAX_BUCKETS + 1), 5 * MINUTE)) - 1 <= MAX_BUCKETS


def test_a_range_too_long_for_any_bucket_is_refused() -> None:
    with pytest.raises(TooManyBucketsError, match="shorter range"):
        edges(span(60 * 24 * 365 * 100), MINUTE)


def test_a_range_of_too_many_calendar_units_is_refused() -> None:
    check_calendar(span(60 * MAX_BUCKETS), CalendarUnit.HOUR)
    with pytest.raises(TooManyBucketsError, match="longer unit"):
        check_calendar(span(60 * (MAX_BUCKETS + 1)), CalendarUnit.HOUR)
