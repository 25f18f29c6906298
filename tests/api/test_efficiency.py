"""The measures of efficiency from real SQL, held against an oracle that adds up the minutes in Python."""

import asyncio
import random
from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import Connection

from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.efficiency import Basis, Buckets, EfficiencySeries, efficiency_series
from graphql_api.time_range import CalendarUnit, TimeRange
from tests.api.doubles import services
from tests.api.tables import MINUTE, START, camera, insert, minute, zone

pytestmark = pytest.mark.integration

KINDS = ["WORK", "REST", "TRANSIT", "QUEUE", "OTHER"]
HOUR = timedelta(hours=1)
Minute = dict[str, Any]


def over(read_model: Database, now: datetime = START + 24 * HOUR) -> Services:
    made, _, _ = services()
    return Services(made.settings, read_model, made.live, made.commands, now=lambda: now)


def measured(
    made: Services,
    span: TimeRange,
    bucket: timedelta | CalendarUnit,
    *,
    site_id: str | None = None,
    camera_ids: list[str] | None = None,
    basis: Basis | None = None,
) -> EfficiencySeries:
    wanted = Buckets(calendar=bucket) if isinstance(bucket, CalendarUnit) else Buckets(length=bucket)

    async def ask() -> EfficiencySeries:
        return await efficiency_series(made, site_id, camera_ids, span, wanted, basis=basis or Basis())

    return asyncio.run(ask())


def ratio(above: int, below: int) -> float | None:
    return float(Fraction(above, below)) if below else None


def oracle(minutes: list[Minute], scheduled_ms: int) -> dict[str, Any]:
    """The formulas of the design, read again in Python: sums over minutes, observed time once per camera and revision."""
    watched: dict[tuple[Any, ...], int] = defaultdict(int)
    frames: dict[tuple[Any, ...], int] = {}
    for row in minutes:
        key = row["camera_id"], row["minute"], row["zones_revision"]
        watched[key] = max(watched[key], row["observed_ms"])
        frames[key] = row["frames"]
    work = sum(row["exclusive_person_ms"] for row in minutes if row["kind"] == "WORK")
    present = sum(row["exclusive_person_ms"] for row in minutes)
    placed = [row for row in minutes if row["capacity"]]
    coverage = ratio(sum(watched.values()), scheduled_ms)
    return {
        "efficiency": ratio(work, present),
        "utilisation": ratio(sum(r["occupied_ms"] for r in minutes), sum(r["observed_ms"] for r in minutes)),
        "capacity_use": ratio(
            sum(r["person_ms"] for r in placed), sum(r["capacity"] * r["observed_ms"] for r in placed)
        ),
        "coverage": coverage,
        "weak": coverage is None or coverage < 0.8 or sum(frames.values()) < 0.8 * sum(watched.values()) / 1000,
        "work_ms": work if minutes else None,
        "present_ms": present if minutes else None,
        "observed_ms": sum(watched.values()),
        "scheduled_ms": scheduled_ms,
    }


def random_minutes(rng: random.Random, cameras: list[str], length: int) -> list[Minute]:
    """Minutes of a few zones; some minutes are missing, some are split between two revisions, some were half seen."""
    found = []
    kinds = {(name, z): (rng.choice(KINDS), rng.choice([None, 0, 1, 4])) for name in cameras for z in ("a", "b", "c")}
    for name in cameras:
        for index in range(length):
            if rng.random() < 0.15:
                continue
            for revision, seen in rng.choice(
                [[(1, 60_000)], [(1, 20_000), (2, 39_000)], [(2, rng.randint(0, 59_999))]]
            ):
                frames = round(seen / 1000 * rng.choice([0.5, 1, 10]))
                several = [random_minute(rng, name, z, index, revision, seen, *kinds[name, z]) for z in ("a", "b", "c")]
                found += [each | {"frames": frames} for each in several]
    return found


def random_minute(  # noqa: PLR0917 - a row has many columns
    rng: random.Random, name: str, zone_id: str, index: int, revision: int, seen: int, kind: str, capacity: int | None
) -> Minute:
    occupied = rng.choice([0, seen, rng.randint(0, seen)])
    person = occupied * rng.randint(1, 3)
    return minute(
        name,
        zone_id,
        START + index * MINUTE,
        zones_revision=revision,
        kind=kind,
        capacity=capacity,
        observed_ms=seen,
        occupied_ms=occupied,
        person_ms=person,
        exclusive_person_ms=rng.choice([0, person, rng.randint(0, person)]),
    )


def shown(series: EfficiencySeries, index: int) -> dict[str, Any]:
    names = ("efficiency", "utilisation", "capacity_use", "coverage", "weak",
             "work_ms", "present_ms", "observed_ms", "scheduled_ms")  # fmt: skip
    return {name: getattr(series, name)[index] for name in names}


@pytest.mark.parametrize("seed", range(8))
def test_every_measure_is_what_the_minutes_add_up_to(seed: int, read_model: Database, rows: Connection) -> None:
    rng = random.Random(seed)
    cameras, length = ["door", "hall"], rng.randint(1, 90)
    found = random_minutes(rng, cameras, length)
    insert(rows, "cameras", [camera(name) for name in [*cameras, "blind"]])
    insert(rows, "zones", [zone(name, z) for name in cameras for z in ("a", "b", "c")])
    insert(
        rows,
        "zone_minutes",
        [*found, minute("door", "a", START - MINUTE), minute("door", "a", START + length * MINUTE)],
    )
    bucket = rng.choice([1, 7, 15, 60])
    span, now = TimeRange(start=START, stop=START + length * MINUTE), START + rng.randint(0, 120) * MINUTE
    series = measured(over(read_model, now), span, bucket * MINUTE, site_id="default")

    assert series.t == [START + i * MINUTE for i in range(0, length, bucket)]
    for index, t in enumerate(series.t):
        stop = min(t + bucket * MINUTE, span.stop)
        scheduled = max(timedelta(0), min(stop, now) - t)
        within = [row for row in found if t <= row["minute"] < stop]
        expected = oracle(within, len(cameras) * (scheduled // timedelta(milliseconds=1)))
        assert shown(series, index) == expected, index
        for use in series.zones:
            own = [row for row in within if (row["camera_id"], row["zone_id"]) == (use.camera_id, use.zone_id)]
            theirs = oracle(own, 0)
            assert (use.utilisation[index], use.capacity_use[index]) == (theirs["utilisation"], theirs["capacity_use"])
    whole = oracle(found, round(sum(series.scheduled_ms)))
    assert {name: getattr(series.total, name) for name in whole} == whole


def test_nothing_observed_is_unknown_and_never_zero(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone()])
    series = measured(over(read_model), TimeRange(start=START, stop=START + HOUR), HOUR, camera_ids=["door"])
    assert (series.efficiency, series.utilisation, series.capacity_use) == ([None], [None], [None])
    assert (series.coverage, series.weak, series.complete) == ([0.0], [True], [False])
    assert series.watermark is None
    assert series.total.efficiency is None


def test_an_empty_place_that_was_watched_has_no_efficiency_but_is_used_zero(
    read_model: Database, rows: Connection
) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone(capacity=2)])
    insert(rows, "zone_minutes", [minute(capacity=2)])
    series = measured(over(read_model), TimeRange(start=START, stop=START + MINUTE), MINUTE, camera_ids=["door"])
    assert (series.efficiency, series.utilisation, series.capacity_use) == ([None], [0.0], [0.0])
    assert (series.coverage, series.weak, series.complete) == ([1.0], [False], [True])


@pytest.mark.parametrize(("frames", "weak"), [(60, False), (48, False), (47, True), (0, True)])
def test_a_minute_of_which_few_frames_are_known_is_weak(
    frames: int, weak: bool, read_model: Database, rows: Connection
) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone(), zone(zone_id="sofa")])
    insert(rows, "zone_minutes", [minute(zone_id=each, frames=frames) for each in ("desk", "sofa")])
    series = measured(over(read_model), TimeRange(start=START, stop=START + MINUTE), MINUTE, camera_ids=["door"])
    assert (series.coverage, series.weak, series.total.weak) == ([1.0], [weak], weak)


def test_the_future_is_neither_scheduled_nor_covered(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone()])
    insert(rows, "zone_minutes", [minute()])
    now = START + MINUTE + timedelta(seconds=20)
    series = measured(
        over(read_model, now), TimeRange(start=START, stop=START + 2 * MINUTE), MINUTE, camera_ids=["door"]
    )
    assert series.scheduled_ms == [60_000, 0]
    assert series.coverage == [1.0, None]
    assert series.weak == [False, True]
    assert series.total.coverage == 1.0


def test_a_series_is_complete_up_to_the_slowest_camera_that_is_enabled(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera("door"), camera("hall"), camera("yard")])
    insert(rows, "zones", [zone("door"), zone("hall"), zone("yard")])
    insert(rows, "zone_minutes", [minute("door", at=START + i * MINUTE) for i in range(3)])
    insert(rows, "zone_minutes", [minute("hall", at=START + i * MINUTE) for i in range(2)])
    span = TimeRange(start=START, stop=START + 3 * MINUTE)
    both = measured(over(read_model), span, MINUTE, camera_ids=["door", "hall"])
    assert (both.watermark, both.complete) == (START + 2 * MINUTE, [True, True, False])
    assert measured(over(read_model), span, MINUTE, site_id="default").watermark is None
    insert(rows, "zone_minutes", [minute("yard", at=START)])
    assert measured(over(read_model), span, MINUTE, site_id="default").watermark == START + MINUTE


def test_a_disabled_camera_does_not_hold_back_the_watermark(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera("door", enabled=True), camera("off", enabled=False)])
    insert(rows, "zones", [zone("door"), zone("off")])
    insert(rows, "zone_minutes", [minute("door")])
    series = measured(over(read_model), TimeRange(start=START, stop=START + MINUTE), MINUTE, site_id="default")
    assert series.complete == [True]
    assert series.coverage == [0.5]


def test_the_revisions_in_force_in_the_range_are_named(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [
        zone(revision=1, valid_from=START - 2 * HOUR, valid_to=START - HOUR),
        zone(revision=2, valid_from=START - HOUR, valid_to=START + 30 * MINUTE),
        zone(revision=3, valid_from=START + 30 * MINUTE),
    ])  # fmt: skip
    series = measured(over(read_model), TimeRange(start=START, stop=START + HOUR), HOUR, camera_ids=["door"])
    assert [(known.camera_id, known.revisions) for known in series.zones_revisions] == [("door", [2, 3])]
