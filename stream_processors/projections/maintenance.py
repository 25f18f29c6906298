"""Keeps the promise of how long facts are kept, in every edition alike. It must not know what the facts are used for.

Days are UTC days: what began before the start of the day that lies `days` back is gone after a run.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, time, timedelta

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from schemas.topics import TRACKS
from stream_processors.projections.timescale import libpq_url

# By the column that says when a fact began. Sums of whole zones (zone_hours) and configuration name no person and stay.
SINGLE_PERSONS = {"track_positions": "second", "tracks": "started_at"}
FACTS = {"zone_visits": "entered_at", "line_crossings": "crossed_at", "zone_minutes": "minute"}
# A replay run's results go together, when its range begins to be too old; by table, with which of its rows are meant.
SINGLE_PERSONS_OF_RUNS = {"run_tracks": "true", "run_facts": f"topic = '{TRACKS}'"}
FACTS_OF_RUNS = dict.fromkeys(
    (
        "run_zone_visits", "run_line_crossings", "run_zone_minutes", "run_facts", "run_hour_differences",
        "run_visit_differences",
    ),
    "true",
)  # fmt: skip

_LOCK = "SELECT pg_try_advisory_lock(hashtext('aforo.maintenance'))"
_OF_RUNS = sql.SQL(
    "DELETE FROM {} AS result USING replay_runs AS run WHERE run.run_id = result.run_id AND range_from < %s AND {}"
)
_IN_FRONT = "SELECT set_config('search_path', %s || ', ' || current_setting('search_path'), false)"
_HAS_HYPERTABLES = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL"
_HYPERTABLES = (
    "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema()"
)


def expire(database_url: str, *, privacy_days: int, facts_days: int, now: datetime, schema: str | None = None) -> bool:
    """Remove what is older than its days; False when another process is at it. With `schema` from the tables there.

    Raises:
        psycopg2.Error: the database is away, or did not let us; run it again later.
    """
    privacy, facts = (_start_of_day(now, days) for days in (privacy_days, facts_days))
    with _autocommit(database_url) as cursor:
        if schema is not None:
            cursor.execute(_IN_FRONT, (schema,))
        if not _one(cursor, _LOCK):
            return False
        hypertables = _hypertables(cursor)
        for kept, of_runs, oldest in (
            (SINGLE_PERSONS, SINGLE_PERSONS_OF_RUNS, privacy),
            (FACTS, FACTS_OF_RUNS, facts),
        ):
            for table, column in kept.items():
                _remove(cursor, table, column, oldest, in_chunks=table in hypertables)
            for table, rows in of_runs.items():
                cursor.execute(_OF_RUNS.format(sql.Identifier(table), sql.SQL(rows)), (oldest,))
    return True


def _start_of_day(now: datetime, days: int) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days), time(), UTC)


def _remove(cursor: Cursor, table: str, column: str, oldest: datetime, *, in_chunks: bool) -> None:
    """Whole chunks cost nothing to drop; what is left of the chunk in which the day begins is deleted."""
    if in_chunks:
        cursor.execute("SELECT count(*) FROM drop_chunks(%s::regclass, older_than => %s)", (table, oldest))
    delete = sql.SQL("DELETE FROM {} WHERE {} < %s").format(sql.Identifier(table), sql.Identifier(column))
    cursor.execute(delete, (oldest,))


def _hypertables(cursor: Cursor) -> set[str]:
    if not _one(cursor, _HAS_HYPERTABLES):
        return set()
    cursor.execute(_HYPERTABLES)
    return {name for (name,) in cursor.fetchall()}


def _one(cursor: Cursor, query: str) -> object:
    cursor.execute(query)
    (value,) = cursor.fetchone() or (None,)
    return value


@contextmanager
def _autocommit(database_url: str) -> Iterator[Cursor]:
    """Each statement by itself: a long deletion must not keep the locks of the one before. Closing frees the lock."""
    connection = psycopg2.connect(libpq_url(database_url), connect_timeout=5, application_name="aforo-maintenance")
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        yield cursor
