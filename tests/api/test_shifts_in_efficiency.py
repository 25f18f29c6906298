"""Efficiency inside shifts, and buckets on the site's clock: real SQL against oracles that read the clock in Python."""

import random
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from graphql_api.app import assemble
from graphql_api.database import Database
from graphql_api.errors import BadInputError
from graphql_api.time_range import CalendarUnit, TimeRange
from tests.api.site_rows import site
from tests.api.tables import MINUTE, START, camera, insert, minute, zone
from tests.api.test_efficiency import HOUR, measured, oracle, over, random_minutes, shown
from tests.calendar_oracle import DAY, Excepted, Span, Weekly, clock, scheduled, utc

pytestmark = pytest.mark.integration

BERLIN, KOLKATA, LORD_HOWE = "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"
OFFICE = [Weekly(day, time(8), time(16, 30)) for day in range(1, 6)]


def within(moment: datetime, schedule: list[Span]) -> bool:
    return any(starts <= moment and moment + MINUTE <= ends for starts, ends in schedule)


def common_ms(schedule: list[Span], since: datetime, until: datetime) -> int:
    parts = (min(ends, until) - max(starts, since) for starts, ends in schedule)
    return sum((max(part, timedelta(0)) for part in parts), timedelta(0)) // timedelta(milliseconds=1)


@pytest.mark.parametrize("seed", range(6))
def test_only_minutes_inside_the_shifts_of_their_own_site_count(
    seed: int, read_model: Database, rows: Connection
) -> None:
    rng = random.Random(seed)
    length, bucket = rng.randint(60, 150), rng.choice([1, 7, 60])
    span = TimeRange(start=START, stop=START + length * MINUTE)
    zones = {"north": BERLIN, "south": KOLKATA}
    schedules: dict[str, list[Span]] = {}
    for name, time_zone in zones.items():
        first, last = (clock(START + rng.randint(*part) * MINUTE, time_zone).time() for part in ((5, 40), (41, 120)))
        shift = Weekly(START.isoweekday(), first, last)
        site(rows, name, time_zone, [shift])
        schedules[name] = scheduled(time_zone, [shift], [], span.start, span.stop)
    insert(rows, "cameras", [camera("door", site_id="north"), camera("hall", site_id="south")])
    insert(rows, "zones", [zone(name, z) for name in ("door", "hall") for z in ("a", "b", "c")])
    found = random_minutes(rng, ["door", "hall"], length)
    insert(rows, "zone_minutes", found)
    now = START + rng.randint(0, 200) * MINUTE

    series = measured(over(read_model, now), span, bucket * MINUTE, camera_ids=["door", "hall"])

    of = {"door": schedules["north"], "hall": schedules["south"]}
    counted = [row for row in found if within(row["minute"], of[row["camera_id"]])]
    assert 0 < len(counted) < len(found)
    for index, t in enumerate(series.t):
        stop = min(t + bucket * MINUTE, span.stop)
        planned = sum(common_ms(schedule, t, min(stop, now)) for schedule in of.values())
        assert shown(series, index) == oracle([row for row in counted if t <= row["minute"] < stop], planned), index
    whole = oracle(counted, sum(common_ms(schedule, span.start, min(span.stop, now)) for schedule in of.values()))
    assert {name: getattr(series.total, name) for name in whole} == whole


def one_camera(
    rows: Connection, zone_name: str, shifts: list[Weekly], exceptions: list[Excepted] | None = None
) -> None:
    site(rows, "office", zone_name, shifts, exceptions)
    insert(rows, "cameras", [camera(site_id="office")])
    insert(rows, "zones", [zone()])


def of_office(
    read_model: Database, since: datetime, until: datetime, bucket: timedelta | CalendarUnit, **fields: Any
) -> Any:
    span = TimeRange(start=since, stop=until)
    return measured(over(read_model, fields.pop("now", until)), span, bucket, site_id="office")


def test_a_closed_day_is_not_scheduled_and_what_was_seen_on_it_does_not_count(
    read_model: Database, rows: Connection
) -> None:
    one_camera(rows, BERLIN, OFFICE, [Excepted(date(2026, 3, 3))])
    noon = utc("2026-03-02T11:00")
    insert(rows, "zone_minutes", [minute(at=noon + i * DAY, exclusive_person_ms=60_000) for i in range(3)])
    series = of_office(read_model, utc("2026-03-01T23:00"), utc("2026-03-04T23:00"), CalendarUnit.DAY)
    assert series.scheduled_ms == [8.5 * 3_600_000, 0, 8.5 * 3_600_000]
    assert series.work_ms == [60_000, None, 60_000]
    assert (series.coverage[1], series.weak[1]) == (None, True)
    assert series.total.observed_ms == 120_000


def test_shifts_within_one_bucket_add_up(read_model: Database, rows: Connection) -> None:
    one_camera(rows, "UTC", [Weekly(1, time(8), time(8, 2)), Weekly(1, time(9), time(9, 3))])
    seen = [START - MINUTE, START, START + 2 * MINUTE, START + HOUR, START + HOUR + MINUTE]
    insert(rows, "zone_minutes", [minute(at=at, zone_id=z, exclusive_person_ms=6_000) for at in seen for z in "ab"])
    series = of_office(read_model, START - HOUR, START + 3 * HOUR, 4 * HOUR)
    assert (series.scheduled_ms, series.observed_ms, series.work_ms) == ([300_000], [180_000], [36_000])


def test_a_minute_that_is_only_partly_in_the_future_is_not_scheduled_yet(
    read_model: Database, rows: Connection
) -> None:
    one_camera(rows, BERLIN, OFFICE)
    start, now = utc("2026-03-02T06:00"), utc("2026-03-02T07:30") + timedelta(seconds=59)
    series = of_office(read_model, start, start + 4 * HOUR, HOUR, now=now)
    assert series.scheduled_ms == [0, 30 * 60_000, 0, 0]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", [24, 23, 24]), ("2026-10-24", [24, 25, 24])])
def test_days_are_those_of_the_site_with_their_23_or_25_hours(
    day: str, hours: list[int], read_model: Database, rows: Connection
) -> None:
    one_camera(rows, BERLIN, [])
    since = utc(day) - (HOUR if day < "2026-03-29" else 2 * HOUR)
    until = since + sum(hours) * HOUR
    insert(rows, "zone_minutes", [minute(at=since + i * HOUR, person_ms=1) for i in range(sum(hours))])
    series = of_office(read_model, since, until, CalendarUnit.DAY)
    assert series.t == [since, since + hours[0] * HOUR, since + sum(hours[:2]) * HOUR]
    assert series.scheduled_ms == [length * 3_600_000 for length in hours]
    assert series.observed_ms == [length * 60_000 for length in hours]
    assert (series.bucket, series.calendar) == (None, CalendarUnit.DAY)


def truncated(moment: datetime, unit: CalendarUnit) -> datetime:
    day = datetime.combine(moment.date(), time())
    return {
        CalendarUnit.DAY: day,
        CalendarUnit.WEEK: day - day.weekday() * DAY,
        CalendarUnit.MONTH: day.replace(day=1),
    }[unit]


@pytest.mark.parametrize("unit", [CalendarUnit.DAY, CalendarUnit.WEEK, CalendarUnit.MONTH])
@pytest.mark.parametrize(
    ("time_zone", "month"),
    [
        (BERLIN, 3),
        (KOLKATA, 3),
        ("America/New_York", 10),
        (LORD_HOWE, 3),
        ("Africa/Cairo", 4),
        ("America/Havana", 10),  # where a midnight is shown twice
        ("UTC", 3),
    ],
)
def test_calendar_units_begin_when_the_clock_first_shows_them(
    unit: CalendarUnit, time_zone: str, month: int, read_model: Database, rows: Connection
) -> None:
    one_camera(rows, time_zone, [])
    since = utc(f"2026-{month:02}-20T10:07")
    until = since + 43 * DAY
    expected, last = [since], truncated(clock(since, time_zone), unit)
    for index in range(1, (until - since) // MINUTE):
        moment = since + index * MINUTE
        if (now := truncated(clock(moment, time_zone), unit)) > last:
            expected, last = [*expected, moment], now
    assert of_office(read_model, since, until, unit).t == expected


@pytest.mark.parametrize(
    ("time_zone", "since", "lengths"),
    [
        (KOLKATA, "2026-03-02T06:10", [20, 60, 60, 40]),
        (BERLIN, "2026-10-24T23:30", [30, 60, 60, 30]),
        (LORD_HOWE, "2026-04-04T13:00", [60, 90, 30]),  # 01:00 to 02:00, then back to 01:30
        (LORD_HOWE, "2026-10-03T13:30", [60, 60, 30, 30]),  # 02:00 is shown as 02:30
    ],
)
def test_hours_begin_on_the_hour_of_the_sites_clock(
    time_zone: str, since: str, lengths: list[int], read_model: Database, rows: Connection
) -> None:
    one_camera(rows, time_zone, [])
    series = of_office(read_model, utc(since), utc(since) + 3 * HOUR, CalendarUnit.HOUR)
    edges = [*series.t, utc(since) + 3 * HOUR]
    assert [(b - a) // MINUTE for a, b in pairwise(edges)] == lengths


def test_rest_gives_the_same_days_as_graphql(read_model: Database, rows: Connection) -> None:
    one_camera(rows, BERLIN, OFFICE)
    insert(rows, "zone_minutes", [minute(at=utc("2026-03-02T11:00"), exclusive_person_ms=30_000)])
    made = over(read_model, utc("2026-03-04"))
    client = TestClient(assemble(made, lambda _: None))
    span = {"from": "2026-03-01T23:00:00Z", "to": "2026-03-03T23:00:00Z"}
    query = """query($range: TimeRange!) { efficiency(siteId: "office", range: $range, calendar: DAY) {
        t calendar bucket workMs scheduledMs total { efficiency observedMs } } }"""
    asked = {"query": query, "variables": {"range": span}}
    shown_there = client.post("/graphql", json=asked).json()["data"]["efficiency"]
    shown_here = client.get("/api/v1/reports/efficiency", params={"site_id": "office", "calendar": "DAY"} | span).json()
    assert shown_there == {
        "t": ["2026-03-01T23:00:00.000Z", "2026-03-02T23:00:00.000Z"],
        "calendar": "DAY",
        "bucket": None,
        "workMs": [30_000, None],
        "scheduledMs": [8.5 * 3_600_000] * 2,
        "total": {"efficiency": 1, "observedMs": 60_000},
    }
    assert [datetime.fromisoformat(t) for t in shown_here["t"]] == [utc("2026-03-01T23:00"), utc("2026-03-02T23:00")]
    assert (shown_here["calendar"], shown_here["bucket"]) == ("DAY", None)
    assert (shown_here["work_ms"], shown_here["total"]["efficiency"]) == ([30_000, None], 1)


def test_days_of_several_time_zones_are_refused(read_model: Database, rows: Connection) -> None:
    site(rows, "north", BERLIN, [])
    site(rows, "south", KOLKATA, [])
    insert(rows, "cameras", [camera("door", site_id="north"), camera("hall", site_id="south")])
    span = TimeRange(start=START, stop=START + DAY)
    with pytest.raises(BadInputError, match=r"Asia/Kolkata, Europe/Berlin\. Ask for one site"):
        measured(over(read_model), span, CalendarUnit.DAY, camera_ids=["door", "hall"])


def test_a_site_without_cameras_has_days_of_its_own_and_nothing_scheduled(
    read_model: Database, rows: Connection
) -> None:
    site(rows, "office", KOLKATA, [])
    series = of_office(read_model, utc("2026-03-02"), utc("2026-03-03"), CalendarUnit.DAY)
    assert series.t == [utc("2026-03-02"), utc("2026-03-02T18:30")]
    assert (series.scheduled_ms, series.coverage, series.weak) == ([0, 0], [None, None], [True, True])
