"""Keeps the promise of how long facts are kept, in every edition alike. It must not know what the facts are used for.

Days are UTC days: what began before the start of the day that lies `days` back is gone after a run.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, time, timedelta

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from stream_processors.projections.timescale import libpq_url

# By the column that says when a fact began. Sums of whole zones (zone_hours) and configuration name no person and stay.
SINGLE_PERSONS = {"track_positions": "second", "tracks": "started_at"}
FACTS = {"zone_visits": "entered_at", "line_crossings": "crossed_at", "zone_minutes": "minute"}

_LOCK = "SELECT pg_try_advisory_lock(hashtext('aforo.maintenance'))"
_HAS_HYPERTABLES = "SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL"
_HYPERTABLES = (
    "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema()"
)


def expire(database_url: str, *, privacy_days: int, facts_days: int, now: datetime) -> bool:
    """Remove what is older than its days; False when another process is at it.

    Raises:
        psycopg2.Error: the database is away, or did not let us; run it again later.
    """
    privacy, facts = (_start_of_day(now, days) for days in (privacy_days, facts_days))
    with _autocommit(database_url) as cursor:
        if not _one(cursor, _LOCK):
            return False
        hypertables = _hypertables(cursor)
        for kept, oldest in ((SINGLE_PERSONS, privacy), (FACTS, facts)):
            for table, column in kept.items():
                _remove(cursor, table, column, oldest, in_chunks=table in hypertables)
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
