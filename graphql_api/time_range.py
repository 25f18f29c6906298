"""Half-open ranges of time and their division into buckets; arithmetic only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whole minutes from `start` up to and without `stop`; `scheduled_ms` of them count for coverage."""

    start: datetime
    stop: datetime
    scheduled_ms: int


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
    minutes = TimeRange(start=_ceil(checked(span).start), stop=_ceil(span.stop))
    if minutes.start >= minutes.stop:
        raise RangeError("No whole minute begins in the range. Ask for a longer one.")
    return minutes


def buckets(span: TimeRange, length: timedelta, now: datetime) -> list[Bucket]:
    """`span` cut into buckets of `length` from its beginning; only minutes that have ended by `now` are scheduled.

    `span` holds whole minutes. The last bucket is cut off at its end.

    Raises:
        BadInputError: the length is no positive number of whole minutes.
        TooManyBucketsError: more than `MAX_BUCKETS`; names a length that fits.
    """
    if length < MINUTE or length % MINUTE:
        raise BadInputError("A bucket is a positive number of whole minutes, such as PT1M, PT1H or P1D.")
    count = -((span.start - span.stop) // length)
    if count > MAX_BUCKETS:
        raise _too_many(span, count)
    starts = [span.start + i * length for i in range(count)]
    return [_bucket(start, min(start + length, span.stop), now) for start in starts]


def _bucket(start: datetime, stop: datetime, now: datetime) -> Bucket:
    over = max(start, min(stop, _floor(now)))
    return Bucket(start, stop, (over - start) // timedelta(milliseconds=1))


def _too_many(span: TimeRange, count: int) -> TooManyBucketsError:
    fitting = [length for length in _ROUND_BUCKETS if (span.stop - span.start) / length <= MAX_BUCKETS]
    if not fitting:
        return TooManyBucketsError(f"{count} buckets are more than {MAX_BUCKETS}. Ask for a shorter range.")
    suggested = f"PT{fitting[0] // MINUTE}M"
    return TooManyBucketsError(
        f"{count} buckets are more than {MAX_BUCKETS}. Take buckets of {suggested} or longer.", suggested=suggested
    )


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _ceil(moment: datetime) -> datetime:
    return _floor(moment) if moment == _floor(moment) else _floor(moment) + MINUTE
