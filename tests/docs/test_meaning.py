"""The worked example of docs/meaning.md, run through the fold and the formulas: the page says what the code does."""

import asyncio
import json
import re
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.efficiency import Buckets, EfficiencySeries, efficiency_series
from graphql_api.settings import ApiSettings
from graphql_api.time_range import TimeRange
from schemas.events import FrameObserved, Line, LineCrossed, Output, ZoneExited, ZoneMinuteMeasured
from stream_processors.domain.definitions import MAX_CORNERS, MAX_POINTS, MAX_SHAPES
from tests.api.doubles import services
from tests.api.site_rows import site
from tests.api.tables import camera, insert, minute, zone
from tests.calendar_oracle import Weekly
from tests.domain.walks import box_at, define, entries, fold, frame, of, square, walking

PAGE = (Path(__file__).parents[2] / "docs" / "meaning.md").read_text(encoding="utf-8")
NINE = datetime(2026, 3, 2, 8, tzinfo=UTC)  # 09:00 in Madrid
NINE_MS = round(NINE.timestamp() * 1000)
MINUTE = timedelta(minutes=1)


def scene() -> dict[str, Any]:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = json.loads(block)
    return found


def table(*columns: str) -> list[list[str]]:
    """The rows of the one table with this heading."""
    heading = re.escape(f"| {' | '.join(columns)} |")
    (body,) = re.findall(rf"^{heading}\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body.splitlines()]


def ms(seconds: float) -> int:
    return NINE_MS + round(seconds * 1000)


def frames() -> list[FrameObserved]:
    told = scene()
    paths = [walking(*((ms(at), x, y) for at, x, y in path)) for path in told["people"].values()]
    step = round(told["frames"]["every"] * 1000)
    times = [at for first, last in told["frames"]["between"] for at in range(ms(first), ms(last) + 1, step)]
    shown = [[box_at(foot) for path in paths if (foot := path(at)) is not None] for at in times]
    return [frame(seq, at, boxes) for seq, (at, boxes) in enumerate(zip(times, shown, strict=True), start=1)]


def said(**redrawn: tuple[float, float]) -> list[Output]:
    """What the fold makes of the scene, once a frame an hour later has made everything final; zones may end elsewhere."""
    zones = [
        square(name, *told["from"], *redrawn.get(name, told["to"]), kind=told["kind"], capacity=told["capacity"])
        for name, told in scene()["zones"].items()
    ]
    lines = [
        Line(line_id=name, name=name, points=(tuple(told["from"]), tuple(told["to"])))
        for name, told in scene()["lines"].items()
    ]
    return fold(entries([define(*zones, *lines), *frames(), frame(99_999, ms(3_600))]))[1]


def second(at: int | None) -> float | None:
    return None if at is None else (at - NINE_MS) / 1000


def test_the_visits_are_those_of_the_page() -> None:
    found = sorted(
        [v.zone_id, (v.entered_at - NINE_MS) / 1000, v.entry_reason, (v.exited_at - NINE_MS) / 1000, v.exit_reason, v.dwell_ms / 1000]
        for v in of(said(), ZoneExited)
    )  # fmt: skip
    told = [
        [zone_id, float(entered), by, float(left), how, float(dwell)]
        for zone_id, entered, by, left, how, dwell in table("zone", "entered", "by", "left", "by", "dwell")
    ]
    assert found == sorted(told)


def test_the_bounds_are_those_of_the_page() -> None:
    found = [
        [v.zone_id, *map(second, (v.entered_at, v.entered_at_min, v.entered_at_max)),
         *map(second, (v.exited_at, v.exited_at_min, v.exited_at_max))]
        for v in of(said(), ZoneExited)
    ]  # fmt: skip
    rows = table("zone", "entered", "not before", "not after", "left", "not before", "not after")
    assert sorted(found, key=str) == sorted(([row[0], *map(seconds, row[1:])] for row in rows), key=str)


def test_the_crossing_is_that_of_the_page() -> None:
    found = [
        [c.line_id, *map(second, (c.crossed_at, c.crossed_at_min, c.crossed_at_max)), c.direction]
        for c in of(said(), LineCrossed)
    ]
    rows = table("line", "crossed", "not before", "not after", "direction")
    assert found == [[row[0], *map(seconds, row[1:4]), row[4]] for row in rows]


def seconds(cell: str) -> float | None:
    return None if cell == "open" else float(cell)


def test_the_minutes_are_those_of_the_page() -> None:
    found = {
        ((m.minute - NINE_MS) // 60_000, m.zone_id): [m.observed_ms, m.person_ms, m.exclusive_person_ms, m.occupied_ms]
        for m in of(said(), ZoneMinuteMeasured)
    }
    told = table("minute", "zone", "observed", "person", "exclusive", "occupied")
    assert found == {(int(row[0]), row[1]): [int(cell) * 1000 for cell in row[2:]] for row in told}


def test_what_is_counted_in_a_minute_is_what_the_page_says() -> None:
    found = {
        ((m.minute - NINE_MS) // 60_000, m.zone_id): [
            m.frames, m.peak, m.entries, m.exits, m.starts, m.ends, m.visits_closed,
            m.dwell_ms_sum // 1000, m.dwell_ms_max // 1000,
        ]
        for m in of(said(), ZoneMinuteMeasured)
    }  # fmt: skip
    rows = table("minute", "zone", "frames", "peak", "entries", "exits", "starts", "ends", "closed", "dwell", "longest")
    assert found == {(int(row[0]), row[1]): [int(cell) for cell in row[2:]] for row in rows}


def test_how_long_visits_lasted_is_what_the_page_says() -> None:
    found = {
        m.zone_id: [m.dwell_under_5s, m.dwell_5s_15s, m.dwell_15s_60s, m.dwell_60s_300s, m.dwell_from_300s]
        for m in of(said(), ZoneMinuteMeasured)
        if m.minute == NINE_MS
    }
    rows = table("closed in minute 0", "below 5 s", "5 to 15 s", "15 to 60 s", "60 to 300 s", "longer")
    assert found == {row[0]: [int(cell) for cell in row[1:]] for row in rows}


def test_the_numbers_under_other_zones_are_those_of_the_page() -> None:
    """A run folds the same frames under other zones; what adopting it does to rows is tested with the database."""
    (corner,) = re.findall(r"Had the desk been drawn as far as the aisle, to `\[(.*?), (.*?)\]`", PAGE)
    found = [in_minute_0(said()), in_minute_0(said(desk=(float(corner[0]), float(corner[1]))))]
    rows = table("in minute 0", "as measured", "restated")
    assert found == [{row[0]: value(row[column]) for row in rows} for column in (1, 2)]


def in_minute_0(outputs: list[Output]) -> dict[str, float]:
    zones = {each.zone_id: each for each in of(outputs, ZoneMinuteMeasured) if each.minute == NINE_MS}
    work = sum(each.exclusive_person_ms for each in zones.values() if each.kind == "WORK")
    return {
        "dwell at the desk": zones["desk"].dwell_ms_sum / 1000,
        "person time, desk": zones["desk"].person_ms / 1000,
        "exclusive person time, room": zones["room"].exclusive_person_ms / 1000,
        "efficiency": work / sum(each.exclusive_person_ms for each in zones.values()),
    }


def test_the_limits_of_a_definition_are_those_of_the_page() -> None:
    ((shapes, lines, points, corners),) = re.findall(
        r"at most (\d+) zones and (\d+) lines, a zone\s+(\d+) points, all zones together ([\d,]+)\.", PAGE
    )
    assert int(shapes) == int(lines) == MAX_SHAPES
    assert (int(points), int(corners.replace(",", ""))) == (MAX_POINTS, MAX_CORNERS)


def row_of(measured: ZoneMinuteMeasured) -> dict[str, Any]:
    names = ("zones_revision", "kind", "capacity", "person_ms", "exclusive_person_ms", "occupied_ms", "observed_ms")
    at = datetime.fromtimestamp(measured.minute / 1000, UTC)
    return minute("cam", measured.zone_id, at, **{name: getattr(measured, name) for name in names})


def store(connection: Connection) -> None:
    """The site of the page and the minutes of the fold; and a busy minute before the shift, which counts for nothing."""
    site(connection, "office", "Europe/Madrid", [Weekly(1, time(9), time(17))])
    insert(connection, "cameras", [camera("cam", site_id="office")])
    insert(connection, "zones", [zone("cam", name) for name in scene()["zones"]])
    early = minute("cam", "desk", NINE - MINUTE, person_ms=60_000, exclusive_person_ms=60_000, occupied_ms=60_000)
    insert(connection, "zone_minutes", [early, *map(row_of, of(said(), ZoneMinuteMeasured))])


def measured(database_url: str, minutes: int) -> EfficiencySeries:
    made, _, _ = services()
    read_model = Database(database_url, ApiSettings())
    real = Services(made.settings, read_model, made.live, made.commands, now=lambda: NINE + timedelta(hours=1))
    span = TimeRange(start=NINE - 30 * MINUTE, stop=NINE + minutes * MINUTE)
    try:
        return asyncio.run(efficiency_series(real, "office", None, span, Buckets()))
    finally:
        read_model.close()


def shown(series: EfficiencySeries) -> dict[tuple[str, str], float | bool | None]:
    total = series.total
    found: dict[tuple[str, str], float | bool | None] = {
        ("efficiency", "all"): total.efficiency,
        ("utilisation", "all"): total.utilisation,
        ("capacity use", "all"): total.capacity_use,
        ("coverage", "all"): total.coverage,
        ("weak", "all"): total.weak,
    }
    for use in series.zones:
        found["utilisation", use.zone_id] = use.total_utilisation
        found["capacity use", use.zone_id] = use.total_capacity_use
    return found


def value(cell: str) -> float | bool | None:
    words = {"null": None, "yes": True, "no": False}
    return words[cell] if cell in words else float(Fraction(cell.replace(" ", "")))


@pytest.mark.integration
def test_the_measures_are_those_of_the_page(database: str) -> None:
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        store(connection)
    engine.dispose()
    told = table("measure", "of", "-30 to 1", "-30 to 2")
    for column, minutes in enumerate((1, 2), start=2):
        assert shown(measured(database, minutes)) == {(row[0], row[1]): value(row[column]) for row in told}
