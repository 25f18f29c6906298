"""Moments, durations and wall-clock times of the schema."""

from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.scalars import (
    format_duration,
    format_local_time,
    format_moment,
    parse_duration,
    parse_local_time,
    parse_moment,
)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=offsets)  # noqa: DTZ001 - hypothesis wants naive limits


@given(moments)
def test_a_moment_survives_the_wire_to_the_millisecond_and_comes_back_in_utc(moment: datetime) -> None:
    back = parse_moment(format_moment(moment))
    assert back.tzinfo is UTC
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)


@pytest.mark.parametrize("text", ["2026-03-02T12:00:00", "2026-03-02"])
def test_a_moment_without_an_offset_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(GraphQLError, match=r"no UTC offset\. Append 'Z'"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["yesterday", "", 1_700_000_000, None, "0001-01-01T00:00:00+05:00"])
def test_what_is_no_moment_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(GraphQLError, match=r"is not RFC 3339\. Write it like"):
        parse_moment(text)


@given(st.timedeltas(timedelta(seconds=0), timedelta(days=400)))
def test_a_duration_survives_the_wire(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize("text", ["5m", "300", 300, "P", "PT", "", None, "one hour", "PT1Q"])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(GraphQLError, match=r"is not ISO 8601\. Write it like PT5M"):
        parse_duration(text)


@given(st.times().map(lambda shown: shown.replace(second=0, microsecond=0)))
def test_a_minute_of_the_wall_clock_survives_the_wire(shown: time) -> None:
    assert parse_local_time(format_local_time(shown)) == shown


@pytest.mark.parametrize(
    "text", ["24:00", "6:00", "06:5", "0600", "06:00:30", "06:00Z", "06:00+01:00", "T06:00", 6, None]
)
def test_what_no_clock_shows_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(GraphQLError, match=r"is not a time of day\. Write it like 06:00"):
        parse_local_time(text)
