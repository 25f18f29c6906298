"""Half-open ranges of time and their division into buckets; arithmetic only."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import strawberry

from graphql_api.described import payload
from graphql_api.errors import BadInputError, RangeError, TooManyBucketsError

MINUTE = timedelta(minutes=1)
MAX_BUCKETS = 2_000
_ROUND_BUCKETS = tuple(timedelta(minutes=n) for n in (1, 5, 15, 30, 60, 180, 360, 720, 1440, 10_080))


@payload
class TimeRange:
    """Half-open: from `from`, up to and without `to`."""

    start: Annotated[datetime, strawberry.argument(name="from")] = strawberry.field(name="from")
    stop: datetime = strawberry.field(name="to")


@strawberry.enum(
    description="A length of time on the clock of the site: a day on which it is changed has 23 or 25 hours. "
    "Weeks begin on Monday."
)
class CalendarUnit(StrEnum):
    """A length of time on the clock of a site."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


# Close enough to refuse a range before it is cut.
_ABOUT = {
    CalendarUnit.HOUR: timedelta(hours=1),
    CalendarUnit.DAY: timedelta(days=1),
    CalendarUnit.WEEK: timedelta(weeks=1),
    CalendarUnit.MONTH: timedelta(days=30),
}


def checked(span: TimeRange) -> TimeRange:
    """`span` when it holds any time.

    Raises:
        RangeError: empty or reversed.
    """
    if span.start >= span.stop:
        raise RangeError("The range is empty: `from` must be before `to`.")
    return span


def whole_minutes(span: TimeRange) -> TimeRange:
    """The UTC minutes that begin in `span`, as a range of its own.

    Raises:
        RangeError: none begins in it.
    """
    try:
        minutes = TimeRange(start=_ceil(checked(span).start), stop=_ceil(span.stop))
    except OverflowError as error:
        raise RangeError("The range must end before the last minute of the year 9999.") from error
    if minutes.start >= minutes.stop:
        raise RangeError("No whole minute begins in the range. Ask for a longer one.")
    return minutes


def edges(span: TimeRange, length: timedelta) -> list[datetime]:
    """Where buckets of `length` begin from the beginning of `span`, and its end, which cuts off the last one.

    Raises:
        BadInputError: the length is no positive number of whole minutes.
        TooManyBucketsError: more than `MAX_BUCKETS`; names a length that fits.
    """
    if length < MINUTE or length % MINUTE:
        raise BadInputError("A bucket is a positive number of whole minutes, such as PT1M, PT1H or P1D.")
    count = -((span.start - span.stop) // length)
    if count > MAX_BUCKETS:
        raise _too_many(span, count)
    return [*(span.start + i * length for i in range(count)), span.stop]


def check_calendar(span: TimeRange, unit: CalendarUnit) -> None:
    """Refuse a range that is too long for this unit.

    Raises:
        TooManyBucketsError: about more than `MAX_BUCKETS` of them.
    """
    count = (span.stop - span.start) // _ABOUT[unit]
    if count > MAX_BUCKETS:
        raise TooManyBucketsError(
            f"About {count} buckets are more than {MAX_BUCKETS}. Take a longer unit, or a shorter range."
        )


def floor_minute(moment: datetime) -> datetime:
    """The beginning of the minute of `moment`."""
    return moment.replace(second=0, microsecond=0)


def _too_many(span: TimeRange, count: int) -> TooManyBucketsError:
    fitting = [length for length in _ROUND_BUCKETS if (span.stop - span.start) / length <= MAX_BUCKETS]
    if not fitting:
        return TooManyBucketsError(f"{count} buckets are more than {MAX_BUCKETS}. Ask for a shorter range.")
    suggested = f"PT{fitting[0] // MINUTE}M"
    return TooManyBucketsError(
        f"{count} buckets are more than {MAX_BUCKETS}. Take buckets of {suggested} or longer.", suggested=suggested
    )


def _ceil(moment: datetime) -> datetime:
    return floor_minute(moment) if moment == floor_minute(moment) else floor_minute(moment) + MINUTE
