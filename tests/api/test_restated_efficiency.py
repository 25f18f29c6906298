"""Efficiency over days, read from hours where it can be, and over restated facts: real SQL against the minutes that hold."""

import random
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, text

from graphql_api.app import assemble
from graphql_api.database import Database
from graphql_api.efficiency import Basis, EfficiencySeries
from graphql_api.sql.facts import AsOf, BeforeRun, Facts, OfRun
from graphql_api.time_range import CalendarUnit, TimeRange
from schemas.topics import ZONE_MINUTES
from tests.api.site_rows import site
from tests.api.tables import MINUTE, START, camera, insert, minute, zone
from tests.api.test_efficiency import HOUR, Minute, measured, oracle, over, shown
from tests.api.test_queries import ask
from tests.api.test_shifts_in_efficiency import common_ms, within
from tests.calendar_oracle import DAY, Weekly, scheduled, utc

pytestmark = pytest.mark.integration

NIGHTS = [Weekly(day, time(21, 30), time(5, 15)) for day in (5, 6, 7)]
MIDDAYS = [Weekly(day, time(11, 7), time(16)) for day in range(1, 7)]
RUN = "run-2"
Marks = list[tuple[int, datetime, datetime]]


def mark(restatement: int, since: datetime, until: datetime, camera_id: str = "door") -> dict[str, Any]:
    row: dict[str, Any] = {"camera_id": camera_id, "topic": ZONE_MINUTES, "restatement": restatement}
    row |= {"run_id": f"run-{restatement}", "range_from": since, "range_to": until, "seq": 1, "seq_index": 0}
    return row | {"restated_at": utc("2027-01-01") + restatement * HOUR}


def random_minutes(rng: random.Random, span: TimeRange, restatement: int = 0) -> list[Minute]:
    """One minute in eight, of two zones, under one of two revisions."""
    length = (span.stop - span.start) // MINUTE
    return [
        minute(
            zone_id=z, at=span.start + index * MINUTE, kind=kind, capacity=3, restatement=restatement,
            zones_revision=1 + index % 2, observed_ms=observed, occupied_ms=rng.randint(0, observed),
            person_ms=rng.randint(0, 90_000), exclusive_person_ms=rng.randint(0, 60_000),
        )
        for index in range(length) if rng.random() < 1 / 8
        for observed in [rng.randint(0, 60_000)]
        for z, kind in (("desk", "WORK"), ("sofa", "REST"))
    ]  # fmt: skip


def random_marks(rng: random.Random, span: TimeRange) -> Marks:
    """Ranges that begin and end anywhere, within minutes too, and overlap."""
    length = (span.stop - span.start) // timedelta(seconds=1)
    borders = [sorted(span.start + timedelta(seconds=rng.randint(0, length)) for _ in range(2)) for _ in range(3)]
    return [(number, since, until) for number, (since, until) in enumerate(borders, start=1) if since < until]


def held(rows: list[Minute], marks: Marks) -> list[Minute]:
    def holding(moment: datetime) -> int:
        return max((number for number, since, until in marks if since <= moment < until), default=0)

    return [row for row in rows if row["restatement"] == holding(row["minute"])]


def of_door(
    read_model: Database, span: TimeRange, bucket: timedelta | CalendarUnit, basis: Basis | None = None
) -> EfficiencySeries:
    return measured(over(read_model, span.stop), span, bucket, camera_ids=["door"], basis=basis or Basis())


def store_camera(rows: Connection, time_zone: str = "UTC", shifts: list[Weekly] | None = None) -> None:
    site(rows, "office", time_zone, shifts or [])
    insert(rows, "cameras", [camera(site_id="office")])
    insert(rows, "zones", [zone(zone_id=z) for z in ("desk", "sofa")])


@pytest.mark.parametrize("bucket", [CalendarUnit.DAY, 5 * HOUR, 100 * MINUTE], ids=str)
@pytest.mark.parametrize(
    ("time_zone", "since", "shifts"),
    [
        ("Europe/Madrid", "2026-03-28T17:20", NIGHTS),
        ("Europe/Madrid", "2026-10-24T20:00", []),
        ("Asia/Kolkata", "2026-03-27T00:00", MIDDAYS),
        ("Asia/Kathmandu", "2026-03-27T00:00", NIGHTS),
    ],
)
def test_hours_and_minutes_add_up_to_the_minutes_that_hold(
    *,
    time_zone: str,
    since: str,
    shifts: list[Weekly],
    bucket: timedelta | CalendarUnit,
    read_model: Database,
    rows: Connection,
) -> None:
    rng = random.Random(f"{time_zone} {since} {bucket}")
    span = TimeRange(start=utc(since), stop=utc(since) + 2 * DAY + rng.randint(0, 300) * MINUTE)
    store_camera(rows, time_zone, shifts)
    marks = random_marks(rng, span)
    published = [row for restatement in range(4) for row in random_minutes(rng, span, restatement)]
    of_run = random_minutes(rng, span)
    insert(rows, "zone_minutes", published)
    insert(rows, "run_zone_minutes", [row | {"run_id": RUN} for row in of_run])
    insert(rows, "restatements", [mark(*each) for each in marks])
    schedule = scheduled(time_zone, shifts, [], span.start, span.stop)

    expected: dict[Facts, list[Minute]] = {
        AsOf.CURRENT: held(published, marks),
        AsOf.LIVE: held(published, []),
        BeforeRun(RUN): held(published, [each for each in marks if each[0] < 2]),
        OfRun(RUN): of_run,
    }
    for facts, minutes in expected.items():
        series = of_door(read_model, span, bucket, Basis(facts))
        counted = [row for row in minutes if within(row["minute"], schedule)]
        for index, (t, stop) in enumerate(zip(series.t, [*series.t[1:], span.stop], strict=True)):
            rows_of_bucket = [row for row in counted if t <= row["minute"] < stop]
            assert shown(series, index) == oracle(rows_of_bucket, common_ms(schedule, t, stop)), (facts, t)
        whole = oracle(counted, common_ms(schedule, span.start, span.stop))
        assert {name: getattr(series.total, name) for name in whole} == whole, facts


def test_whole_hours_are_read_from_their_sums(read_model: Database, rows: Connection) -> None:
    store_camera(rows)
    found = [minute(at=START + i * MINUTE, exclusive_person_ms=30_000) for i in range(-60, 180)]
    insert(rows, "zone_minutes", found)
    span = TimeRange(start=START - 30 * MINUTE, stop=START + 150 * MINUTE)
    before = of_door(read_model, span, DAY)
    rows.execute(text("DELETE FROM zone_minutes WHERE minute >= :start AND minute < :stop"),
                 {"start": START, "stop": START + 2 * HOUR})  # fmt: skip
    assert of_door(read_model, span, DAY) == before
    assert (before.work_ms, before.observed_ms) == ([180 * 30_000], [180 * 60_000])


def test_a_restated_bucket_says_since_when_and_the_others_do_not(read_model: Database, rows: Connection) -> None:
    store_camera(rows)
    insert(rows, "zone_minutes", [minute(at=START + i * MINUTE) for i in range(180)])
    insert(rows, "restatements", [mark(1, START + 70 * MINUTE, START + 90 * MINUTE)])
    series = of_door(read_model, TimeRange(start=START, stop=START + 3 * HOUR), HOUR)
    at = mark(1, START, START)["restated_at"]
    assert (series.restated_at, series.total.restated_at) == ([None, at, None], at)
    assert series.observed_ms == [3_600_000, 40 * 60_000, 3_600_000], "what was voided is unknown until it is replaced"
    live = of_door(read_model, TimeRange(start=START, stop=START + 3 * HOUR), HOUR, Basis(AsOf.LIVE))
    assert (live.restated_at, live.observed_ms) == ([None] * 3, [3_600_000] * 3)


def test_other_shifts_can_be_tried_without_defining_them(read_model: Database, rows: Connection) -> None:
    store_camera(rows, "Europe/Madrid", [Weekly(1, time(9), time(10))])
    insert(rows, "zone_minutes", [minute(at=START + i * MINUTE, exclusive_person_ms=6_000) for i in range(240)])
    span = TimeRange(start=START, stop=START + 4 * HOUR)
    trial = {"weekday": 1, "start_local": time(9, 30), "end_local": time(11), "valid_from": None, "valid_to": None}
    closed = {"date": "2026-03-02", "start_local": None, "end_local": None}
    for shifts, scheduled_ms in (
        (None, 3_600_000),
        ({"shifts": [trial], "exceptions": []}, 5_400_000),
        ({"shifts": [], "exceptions": []}, 4 * 3_600_000),
        ({"shifts": [trial], "exceptions": [closed]}, 0),
    ):
        total = of_door(read_model, span, DAY, Basis(shifts=shifts)).total
        assert (total.scheduled_ms, total.work_ms) == (scheduled_ms, scheduled_ms / 10 or None)


def test_graphql_and_rest_show_corrected_numbers_and_those_measured_live(
    read_model: Database, rows: Connection
) -> None:
    store_camera(rows)
    insert(rows, "zone_minutes", [
        minute(restatement=0, exclusive_person_ms=60_000), minute(restatement=1, exclusive_person_ms=6_000),
    ])  # fmt: skip
    insert(rows, "restatements", [mark(1, START, START + HOUR)])
    made = over(read_model, START + HOUR)
    span = {"from": START.isoformat(), "to": (START + HOUR).isoformat()}
    query = """query($range: TimeRange!, $asOf: AsOf!) {
        efficiency(cameraIds: ["door"], range: $range, asOf: $asOf) { workMs restatedAt }
        zoneMinutes(cameraId: "door", zoneId: "desk", range: $range, asOf: $asOf) { exclusivePersonMs restatedAt } }"""
    for as_of, work_ms, restated_at in (
        ("CURRENT", 6_000, "2027-01-01T01:00:00.000Z"),
        ("LIVE", 60_000, None),
    ):
        assert ask(read_model, query, range=span, asOf=as_of) == {
            "efficiency": {"workMs": [work_ms], "restatedAt": [restated_at]},
            "zoneMinutes": {"exclusivePersonMs": [work_ms], "restatedAt": [restated_at]},
        }
        params = {"camera_id": "door", "as_of": as_of} | span
        report = TestClient(assemble(made, lambda _: None)).get("/api/v1/reports/efficiency", params=params).json()
        assert report["work_ms"] == [work_ms]
