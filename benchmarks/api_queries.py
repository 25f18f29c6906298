"""How long the hot queries of the API take over a site's history, and what `{ viewer }` costs in CPU.

Run it with the address of an empty, migrated database on this machine: `python -m benchmarks.api_queries DATABASE_URL`. It fills
the database first (a year of minutes, 30 million positions: hours of work on a small machine) and leaves the rows behind; run
again, it finds them. `--scale 0.1` makes a tenth of the days. Times are those of the API's own functions, without a socket; the
yardstick is a bare count of the same minutes, so that a busy machine shows.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.api_volume import Volume, fill
from graphql_api.access.principal import OPEN
from graphql_api.commands import Commands
from graphql_api.context import Context, Services
from graphql_api.database import Database
from graphql_api.live import Live
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings

STOP = datetime(2026, 3, 2, tzinfo=UTC)
MONTH = timedelta(days=30)
REPEATS = 20
EFFICIENCY = """query($range: TimeRange!) { efficiency(siteId: "default", range: $range) {
    t efficiency utilisation coverage weak complete total { efficiency coverage } watermark } }"""
OCCUPANCY = """query($range: TimeRange!) { occupancy(siteId: "default", range: $range) { t zones { people peak } } }"""
PATHS = """query($range: TimeRange!) { tracks(cameraId: "camera-1", range: $range) { nodes { trackNo path(maxPoints: 50) { t x y } } } }"""
HEAT = """query($range: TimeRange!) { heatMap(cameraId: "camera-1", range: $range) { cells } }"""
VIEWER = "{ viewer { userId } }"
YARDSTICK = "SELECT count(*), sum(person_ms) FROM zone_minutes WHERE minute >= :start AND minute < :stop"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the database if it is empty, then print each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args(arguments)
    days, position_days = max(30, round(365 * given.scale)), max(1, round(30 * given.scale))
    volume = Volume(cameras=4, zones=6, days=days, position_days=position_days, people=3, stop=STOP.isoformat())
    engine = create_engine(given.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if connection.execute(text("SELECT count(*) FROM cameras")).scalar_one() == 0:
            fill(connection, volume, print)
        span = {"start": STOP - MONTH, "stop": STOP}
        yardstick = _median_ms(lambda: connection.execute(text(YARDSTICK), span).all(), 3)
    print(f"{volume.minutes:,} zone minutes, {volume.positions:,} positions")
    print(f"yardstick: counting the month's minutes            {yardstick:8.1f} ms")
    asyncio.run(_measure(given.database_url))


async def _measure(database_url: str) -> None:
    settings = ApiSettings(access="open", cost_saved_up=10**9, statement_timeout_ms=600_000)
    database = Database(database_url, settings)
    services = Services(settings, database, Live(100), Commands(_NoLog(), database, 1.0))
    month, day = (
        {"from": (STOP - length).isoformat(), "to": STOP.isoformat()} for length in (MONTH, timedelta(days=1))
    )
    for name, query, span in (
        ("efficiency of the site, a month by hour", EFFICIENCY, month),
        ("occupancy of the site, a month by hour", OCCUPANCY, month),
        ("a page of 50 tracks with their paths", PATHS, day),
        ("heat map of a camera, a day", HEAT, day),
    ):
        times = [await _ms(_answer(services, query, {"range": span})) for _ in range(REPEATS)]
        print(f"{name:50} {statistics.median(times):8.1f} ms, least {min(times):.1f}")
    print(f"{'{ viewer }':50} {await _cpu_ms(services):8.3f} ms of CPU")
    database.close()


async def _answer(services: Services, query: str, variables: dict[str, Any] | None = None) -> str:
    result = await api_schema().execute(query, variables, Context(services, OPEN))
    assert not getattr(result, "errors", None), result.errors
    return json.dumps(result.data, default=str)


async def _ms(asked: Awaitable[object]) -> float:
    began = time.perf_counter()
    await asked
    return (time.perf_counter() - began) * 1000


async def _cpu_ms(services: Services, count: int = 2_000) -> float:
    await _answer(services, VIEWER)
    began = time.process_time()
    for _ in range(count):
        await _answer(services, VIEWER)
    return (time.process_time() - began) * 1000 / count


def _median_ms(ask: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


class _NoLog:
    def append(self, command: object, timeout_s: float) -> None:
        """No command is issued here."""
        del command, timeout_s


if __name__ == "__main__":
    main()
