"""Ranges, whole minutes and buckets."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadInputError, RangeError, TooManyBucketsError
from graphql_api.time_range import MAX_BUCKETS, MINUTE, TimeRange, buckets, checked, whole_minutes

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def span(minutes: float, start: datetime = START) -> TimeRange:
    return TimeRange(start=start, stop=start + timedelta(minutes=minutes))


@given(st.integers(1, 3_000), st.integers(1, 500), st.integers(-100, 4_000))
def test_buckets_cover_the_range_without_gap_and_schedule_what_is_over(total: int, length: int, now: int) -> None:
    if total / length > MAX_BUCKETS:
        return
    found = buckets(span(total), length * MINUTE, START + now * MINUTE + timedelta(seconds=59))
    assert found[0].start == START
    assert found[-1].stop == START + total * MINUTE
    assert all(left.stop == right.start for left, right in pairwise(found))
    assert all(bucket.stop - bucket.start == length * MINUTE for bucket in found[:-1])
    assert sum(bucket.scheduled_ms for bucket in found) == 60_000 * max(0, min(total, now))


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
        buckets(span(60), timedelta(seconds=seconds), START)


def test_too_many_buckets_name_a_length_that_fits() -> None:
    with pytest.raises(TooManyBucketsError, match="PT5M or longer") as caught:
        buckets(span(MAX_BUCKETS + 1), MINUTE, START)
    assert caught.value.extensions == {"code": "TOO_MANY_BUCKETS", "suggested": "PT5M"}
    assert len(buckets(span(MAX_BUCKETS + 1), 5 * MINUTE, START)) <= MAX_BUCKETS


def test_a_range_too_long_for_any_bucket_is_refused() -> None:
    with pytest.raises(TooManyBucketsError, match="shorter range"):
        buckets(span(60 * 24 * 365 * 100), MINUTE, START)
