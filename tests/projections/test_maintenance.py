"""How long facts are kept: to the day, in chunks and without."""

from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import psycopg2
import pytest

from schemas.topics import TRACKS, ZONE_VISITS
from stream_processors.projections.maintenance import expire
from stream_processors.projections.timescale import TimescaleStore, libpq_url
from tests.projections.databases import query
from tests.projections.samples import (
    appended,
    line_crossed,
    seen,
    track_ended,
    tracks_observed,
    zone_exited,
    zone_minute,
)

pytestmark = pytest.mark.integration
DAY_MS = 86_400_000
NOW = datetime(2026, 3, 29, 13, 37, tzinfo=UTC)
TODAY = int(NOW.replace(hour=0, minute=0).timestamp()) * 1_000
COUNTS = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM {table})"
    for table in ("track_positions", "tracks", "zone_visits", "line_crossings", "zone_minutes", "zone_hours")
)


def store_a_day(url: str, began: int) -> None:
    """One fact of each kind that began at that moment."""
    events = [
        tracks_observed(observed_at=began, tracks=(seen(),)),
        track_ended(started_at=began),
        zone_exited(entered_at=began),
        line_crossed(crossed_at=began),
        zone_minute(minute=began),
    ]
    with closing(TimescaleStore(url)) as store:
        offset = store.next_offset(TRACKS, 0)
        store.write(TRACKS, 0, offset, offset + 1, appended(*events))


def remove(url: str, now: datetime = NOW) -> bool:
    return expire(url, privacy_days=30, facts_days=400, now=now)


@pytest.mark.parametrize(
    ("began", "left"),
    [
        (TODAY - 30 * DAY_MS, (1, 1, 1, 1, 1, 1)),
        (TODAY - 30 * DAY_MS - 1_000, (0, 0, 1, 1, 1, 1)),
        (TODAY - 400 * DAY_MS, (0, 0, 1, 1, 1, 1)),
        (TODAY - 400 * DAY_MS - 1_000, (0, 0, 0, 0, 0, 1)),
    ],
    ids=["first private day", "second before", "first day of facts", "second before that"],
)
def test_facts_are_kept_to_the_day(database_of_edition: str, began: int, left: tuple[int, ...]) -> None:
    store_a_day(database_of_edition, began)
    assert remove(database_of_edition)
    assert query(database_of_edition, COUNTS) == [left]
    assert remove(database_of_edition)
    assert query(database_of_edition, COUNTS) == [left]


@pytest.mark.parametrize(("days", "left"), [(29, (1, 1, 1, 2)), (31, (0, 1, 1, 1)), (401, (0, 0, 0, 0))])
def test_results_of_a_replay_run_are_kept_as_long_as_what_they_would_correct(
    database: str, days: int, left: tuple[int, ...]
) -> None:
    began = NOW - timedelta(days=days)
    query(database, "INSERT INTO replay_runs (run_id, range_from, range_to) VALUES ('r', %s, %s)", began, NOW)
    store_a_day(database, int(began.timestamp()) * 1_000)
    for table in ("tracks", "zone_visits", "zone_minutes"):
        query(database, f"INSERT INTO run_{table} SELECT 'r', * FROM {table}")
    for topic in (TRACKS, ZONE_VISITS):
        query(database, "INSERT INTO run_facts VALUES ('r', 'entrance', %s, 1, 0, '', '')", topic)
    remove(database)
    counts = [f"(SELECT count(*) FROM run_{table})" for table in ("tracks", "zone_visits", "zone_minutes", "facts")]
    assert query(database, f"SELECT {', '.join(counts)}") == [left]


def test_days_are_utc_wherever_the_host_is(database_of_edition: str) -> None:
    store_a_day(database_of_edition, TODAY - 30 * DAY_MS)
    remove(database_of_edition, NOW.astimezone(timezone(timedelta(hours=14))))
    assert query(database_of_edition, "SELECT count(*) FROM tracks") == [(1,)]


def test_one_process_at_a_time_removes(database_of_edition: str) -> None:
    store_a_day(database_of_edition, TODAY - 500 * DAY_MS)
    with closing(psycopg2.connect(libpq_url(database_of_edition))) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('aforo.maintenance'))")
        assert not remove(database_of_edition)
    assert query(database_of_edition, "SELECT count(*) FROM tracks") == [(1,)]


def test_whole_chunks_are_dropped(database: str) -> None:
    url = database
    for days in range(100, 110):
        store_a_day(url, TODAY - days * DAY_MS)
    chunks = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'track_positions'"
    assert query(url, chunks) == [(10,)]
    assert remove(url)
    assert query(url, chunks) == [(0,)]
