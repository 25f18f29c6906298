"""Shifts in the database: when a site is scheduled, which shifts are refused, and what the clocks' changes make of them."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class in spite of its name

from stream_processors.projections.timescale import libpq_url
from tests.calendar_oracle import ALWAYS, DAY, Excepted, Span, Weekly, clock, overlap, scheduled, utc

pytestmark = pytest.mark.integration

ZONES = ["Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]
# Weeks in which clocks change somewhere: at 01:00 UTC, at 02:00 local time, by half an hour, at midnight; and one in which none does.
WEEKS = ["2026-03-26", "2026-10-22", "2026-03-05", "2026-10-29", "2026-04-02", "2026-10-01", "2026-04-22", "2026-06-10"]


@pytest.fixture
def site(database: str) -> Iterator[Connection]:
    """A connection in one transaction that is never committed."""
    with closing(psycopg2.connect(libpq_url(database))) as connection:
        yield connection


def define(site: Connection, zone: str, shifts: list[Weekly], exceptions: list[Excepted]) -> None:
    """Write a version of the default site by hand."""
    one(site, "UPDATE sites SET time_zone = %s, revision = revision + 1, shifts_revision = revision + 1", zone)
    one(site, """INSERT INTO site_versions (site_id, revision, name, time_zone, shifts_revision, changed_by)
                 SELECT site_id, revision, name, time_zone, shifts_revision, 'test' FROM sites""")  # fmt: skip
    for no, s in enumerate(shifts):
        one(site, "INSERT INTO shifts SELECT site_id, revision, %s, %s, %s, %s, %s, %s FROM sites",
            no, s.weekday, s.start, s.end, s.valid_from, s.valid_to)  # fmt: skip
    for no, e in enumerate(exceptions):
        one(site, "INSERT INTO shift_exceptions SELECT site_id, revision, %s, %s, %s, %s FROM sites",
            no, e.date, e.start, e.end)  # fmt: skip


def one(site: Connection, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with site.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def schedule(site: Connection, since: datetime, until: datetime, site_id: str = "default") -> list[Span]:
    found = one(site, "SELECT starts, ends FROM site_schedule(%s, %s, %s)", site_id, since, until)
    return [(starts, ends) for starts, ends in found]


def random_time(rng: random.Random) -> time:
    """Often in the hours in which clocks are changed."""
    return time(rng.choice([rng.randint(0, 23), rng.randint(0, 4)]), rng.choice([0, 0, 15, 30, 45, rng.randint(0, 59)]))


def random_shifts(rng: random.Random, first: date) -> list[Weekly]:
    def bound() -> date | None:
        return first + rng.randint(0, 9) * DAY if rng.random() < 0.3 else None

    drawn = [
        (rng.randint(1, 7), random_time(rng), random_time(rng), bound(), bound()) for _ in range(rng.randint(0, 8))
    ]
    return [Weekly(*d) for d in drawn if d[3] is None or d[4] is None or d[3] <= d[4]]


def random_exceptions(rng: random.Random, first: date) -> list[Excepted]:
    drawn = [first + rng.randint(0, 9) * DAY for _ in range(rng.randint(0, 3))]
    return [rng.choice([Excepted(day), Excepted(day, random_time(rng), random_time(rng))]) for day in drawn]


def allowed(shifts: list[Weekly], exceptions: list[Excepted], first: date) -> tuple[list[Weekly], list[Excepted]]:
    """As many of them as do not overlap, taken one after another."""
    days = days_around(first)
    kept: list[Weekly] = []
    excepted: list[Excepted] = []
    for shift in shifts:
        kept += [] if overlap([*kept, shift], [], days) else [shift]
    for exception in exceptions:
        excepted += [] if overlap(kept, [*excepted, exception], days) else [exception]
    return kept, excepted


def days_around(first: date) -> list[date]:
    """Long enough that whatever meets once meets within them."""
    return [first + i * DAY for i in range(-9, 30)]


@pytest.mark.parametrize("zone", ZONES)
def test_a_schedule_is_what_the_clock_shows_minute_by_minute(zone: str, site: Connection) -> None:
    rng = random.Random(zone)
    for week in WEEKS:
        since = utc(week) + rng.randint(0, 1440) * timedelta(minutes=1)
        until = since + rng.randint(1, 8 * 1440) * timedelta(minutes=1)
        shifts, exceptions = allowed(
            random_shifts(rng, since.date()), random_exceptions(rng, since.date()), since.date()
        )
        define(site, zone, shifts, exceptions)
        expected = scheduled(zone, shifts, exceptions, since, until)
        assert schedule(site, since, until) == expected, (shifts, exceptions, since, until)


@pytest.mark.parametrize("seed", range(4))
def test_what_overlaps_is_refused_and_nothing_else(seed: int, site: Connection) -> None:
    rng, first, refused = random.Random(seed), date(2026, 3, 2), 0
    for _ in range(60):
        shifts, exceptions = random_shifts(rng, first)[:3], random_exceptions(rng, first)[:2]
        site.rollback()
        expected = overlap(shifts, exceptions, days_around(first))
        refused += expected
        assert (problem(site, shifts, exceptions) is not None) == expected, (shifts, exceptions)
    assert 10 < refused < 50


def problem(site: Connection, shifts: list[Weekly], exceptions: list[Excepted]) -> str | None:
    try:
        define(site, "Europe/Berlin", shifts, exceptions)
    except psycopg2.errors.ExclusionViolation as error:
        site.rollback()
        return str(error.diag.message_primary)
    return None


def test_a_refusal_names_both_shifts_and_the_first_day(site: Connection) -> None:
    night, morning = Weekly(5, time(22), time(6)), Weekly(6, time(5), time(12), valid_from=date(2026, 3, 2))
    assert problem(site, [night, morning], []) == (
        "shifts.0 and shifts.1 overlap on 2026-03-06. Shorten or remove one of them."
    )


def test_shifts_that_meet_do_not_overlap(site: Connection) -> None:
    rota = [Weekly(day, start, end) for day in range(1, 8)
            for start, end in [(time(6), time(14)), (time(14), time(22)), (time(22), time(6))]]  # fmt: skip
    assert problem(site, rota, []) is None
    since, until = utc("2026-03-20"), utc("2026-04-10")
    assert schedule(site, since, until) == [(since, until)]


def test_a_site_without_shifts_is_always_scheduled_and_so_is_one_nobody_made(site: Connection) -> None:
    since, until = utc("2026-01-01"), utc("2027-01-01")
    assert schedule(site, since, until) == [(since, until)]
    assert schedule(site, since, until, "nowhere") == [(since, until)]


def test_a_closed_day_lasts_as_long_as_the_day(site: Connection) -> None:
    define(site, "Europe/Berlin", [], [Excepted(date(2026, 10, 25))])
    assert schedule(site, utc("2026-10-24"), utc("2026-10-27")) == [
        (utc("2026-10-24"), utc("2026-10-24T22:00")),
        (utc("2026-10-25T23:00"), utc("2026-10-27")),
    ]


@pytest.mark.parametrize(
    ("day", "shift", "hours"),
    [
        ("2026-03-28", Weekly(6, time(22), time(6)), 7.0),
        ("2026-10-24", Weekly(6, time(22), time(6)), 9.0),
        ("2026-03-29", Weekly(7, time(2, 30), time(4)), 1.0),
        ("2026-03-29", Weekly(7, time(2, 15), time(2, 45)), 0.0),
        ("2026-10-25", Weekly(7, time(2, 15), time(2, 45)), 0.5),
        ("2026-10-25", Weekly(7, time(2, 45), time(3, 15)), 1.5),
        ("2026-10-25", Weekly(7, time(0), time(0)), 25.0),
        ("2026-03-29", Weekly(7, time(0), time(0)), 23.0),
    ],
)
def test_a_shift_in_which_the_clock_is_changed_has_its_true_length(
    day: str, shift: Weekly, hours: float, site: Connection
) -> None:
    define(site, "Europe/Berlin", [shift], [])
    found = schedule(site, utc(day) - DAY / 2, utc(day) + 2 * DAY)
    assert sum((ends - starts for starts, ends in found), timedelta(0)) == timedelta(hours=hours)


@pytest.mark.parametrize("zone", [*ZONES, "Europe/Dublin", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia"])
def test_a_clock_moment_is_the_first_at_which_the_clock_shows_it_or_later(zone: str, site: Connection) -> None:
    rng = random.Random(zone)
    for _ in range(300):
        day = date(rng.choice([2011, 2026]), rng.choice([3, 4, 9, 10, 12]), rng.randint(1, 30))
        shown = datetime.combine(day, random_time(rng))
        ((moment,),) = one(site, "SELECT clock_moment(%s, %s)", shown, zone)
        before = [moment - i * timedelta(minutes=1) for i in range(1, 1500)]
        assert clock(moment, zone) >= shown
        assert max(clock(earlier, zone) for earlier in before) < shown, shown


def test_the_oracle_knows_what_always_is() -> None:
    since, until = utc("2026-10-24"), utc("2026-10-27")
    assert scheduled("Europe/Berlin", ALWAYS, [], since, until) == [(since, until)]


def test_a_time_zone_that_does_not_exist_cannot_be_written(site: Connection) -> None:
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="not recognized"):
        one(site, "UPDATE sites SET time_zone = 'Europe/Nowhere'")
