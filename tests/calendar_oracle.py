"""When a site is scheduled, read off a clock minute by minute: what the database computes must come to the same.

Written with Python's own time zones and without any arithmetic on offsets.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, combinations
from zoneinfo import ZoneInfo

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Weekly:
    weekday: int
    start: time
    end: time
    valid_from: date | None = None
    valid_to: date | None = None

    def holds(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return day.isoweekday() == self.weekday and begun and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Excepted:
    date: date
    start: time | None = None
    end: time | None = None


ALWAYS = [Weekly(weekday, time(), time()) for weekday in range(1, 8)]


def shown_span(day: date, start: time, end: time) -> Span:
    """What the clock shows, as naive moments."""
    return datetime.combine(day, start), datetime.combine(day + DAY if end <= start else day, end)


def shown_spans(shifts: Iterable[Weekly], exceptions: Iterable[Excepted], days: Iterable[date]) -> list[Span]:
    """All shifts that begin on these days, on the clock."""
    excepted = list(exceptions)
    ordinary = set(days) - {exception.date for exception in excepted}
    spans = [shown_span(day, shift.start, shift.end) for shift in shifts for day in ordinary if shift.holds(day)]
    return spans + [shown_span(e.date, e.start, e.end) for e in excepted if e.start is not None and e.end is not None]


def scheduled(
    zone: str, shifts: list[Weekly], exceptions: list[Excepted], since: datetime, until: datetime
) -> list[Span]:
    """The scheduled stretches of [since, until), which are whole minutes.

    A minute is in a shift when the clock has shown its start or later, but not yet its end or later: so a time shown
    twice counts from the first, and one never shown is reached when the clock jumps over it.
    """
    begin = since - 2 * DAY
    minutes = [begin + i * MINUTE for i in range((until - begin) // MINUTE)]
    reached = list(accumulate((clock(minute, zone) for minute in minutes), max))
    days = {(reached[0] + i * DAY).date() for i in range(-2, (until - begin) // DAY + 3)}
    spans = sorted(shown_spans(shifts or ALWAYS, exceptions, days))
    found: list[Span] = []
    for minute, shown in zip(minutes, reached, strict=True):
        if minute >= since and any(start <= shown < end for start, end in spans):
            if found and found[-1][1] == minute:
                found[-1] = (found[-1][0], minute + MINUTE)
            else:
                found.append((minute, minute + MINUTE))
    return found


def clock(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def overlap(shifts: list[Weekly], exceptions: list[Excepted], days: list[date]) -> bool:
    """Whether any minute of these days would be scheduled twice, or would be without the exceptions."""
    return _meet(shown_spans(shifts, [], days)) or _meet(shown_spans(shifts, exceptions, days))


def _meet(spans: list[Span]) -> bool:
    return any(a[0] < b[1] and b[0] < a[1] for a, b in combinations(spans, 2))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
