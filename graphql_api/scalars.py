"""Scalars of the schema: moments with a UTC offset, durations, wall-clock times, and how Python's own types stand for them."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import strawberry
from graphql import GraphQLError
from pydantic import TypeAdapter, ValidationError
from strawberry.types.scalar import ScalarDefinition

_DURATION: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def parse_moment(text: Any) -> datetime:
    """The UTC moment in an RFC 3339 text.

    Raises:
        GraphQLError: no moment, or one without an offset, which could mean any of 38 hours.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise GraphQLError(f"DateTime {text!r} has no UTC offset. Append 'Z' or an offset such as '+02:00'.")
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise GraphQLError(f"DateTime {text!r} is not RFC 3339. Write it like 2026-11-23T14:30:00Z.") from error


def format_moment(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_duration(text: Any) -> timedelta:
    """The length in an ISO 8601 duration.

    Raises:
        GraphQLError: no such duration.
    """
    try:
        if isinstance(text, str) and text.lstrip("-").startswith("P"):
            return _DURATION.validate_python(text)
    except ValidationError as error:
        raise _no_duration(text) from error
    raise _no_duration(text)


def format_duration(length: timedelta) -> str:
    """ISO 8601."""
    return str(_DURATION.dump_python(length, mode="json"))


def parse_local_time(text: Any) -> time:
    """The whole minute on a wall clock.

    Raises:
        GraphQLError: no such time.
    """
    try:
        shown = time.fromisoformat(text)
        if shown.tzinfo is None and format_local_time(shown) == text:
            return shown
    except (TypeError, ValueError) as error:
        raise _no_local_time(text) from error
    raise _no_local_time(text)


def format_local_time(shown: time) -> str:
    """Hours and minutes."""
    return shown.isoformat(timespec="minutes")


def moment_of(utc_ms: int) -> datetime:
    """The moment `utc_ms` milliseconds after the epoch; events count time so."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC)


def _no_local_time(text: Any) -> GraphQLError:
    return GraphQLError(f"LocalTime {text!r} is not a time of day. Write it like 06:00 or 22:30.")


def _no_duration(text: Any) -> GraphQLError:
    return GraphQLError(f"Duration {text!r} is not ISO 8601. Write it like PT5M, PT1H or P1D.")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 with a UTC offset; one without offset is refused. Answers are in UTC.",
        parse_value=parse_moment,
        serialize=format_moment,
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    ),
    timedelta: strawberry.scalar(
        name="Duration",
        description="A length of time as ISO 8601, such as PT5M or P1D (24 hours).",
        parse_value=parse_duration,
        serialize=format_duration,
    ),
    time: strawberry.scalar(
        name="LocalTime",
        description="A whole minute on the wall clock of a site, as HH:MM from 00:00 to 23:59.",
        parse_value=parse_local_time,
        serialize=format_local_time,
    ),
}
