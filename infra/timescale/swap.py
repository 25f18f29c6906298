"""A second set of the projections in a schema of its own, and how it takes the place of the one in use.

It knows which tables are projections of topics; how they are filled is not known here. The API's own tables stay.
"""

import time
from collections.abc import Iterator, Sequence

from psycopg2.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

REBUILT = "aforo_rebuild"
REPLACED = "aforo_replaced"

RESTATED = ("tracks", "track_positions", "zone_visits", "line_crossings", "zone_minutes")
PROJECTIONS = (
    "ingest_offsets", *RESTATED, "zone_hours", "restatements", "cameras", "zones", "lines", "camera_events", "frames_lost",
)  # fmt: skip
VIEWS = tuple(f"current_{table}" for table in RESTATED)

_PAUSE_S = 0.2
_WRITERS_WAIT = text("LOCK TABLE ingest_offsets IN EXCLUSIVE MODE")
# Less than the second after which PostgreSQL looks for deadlocks: who gives way must be the rebuild, never a reader.
_BRIEFLY = text("SET LOCAL lock_timeout = '500ms'")
# Views first, as a reader comes to them first.
_READERS_WAIT = text(
    f"LOCK TABLE {', '.join([*VIEWS, *(f'ONLY {table}' for table in PROJECTIONS)])} IN ACCESS EXCLUSIVE MODE"
)
_DEPENDENTS = text("""
SELECT DISTINCT dependent.oid::regclass::text
FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid JOIN pg_class AS dependent ON dependent.oid = ev_class
WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass
  AND refobjid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:ours))
  AND NOT (dependent.relnamespace = current_schema()::regnamespace AND dependent.relname = ANY(:ours))
ORDER BY 1
""")
_RIGHTS = text("""
SELECT format('GRANT %s ON %I.%I TO %s', privilege_type, CAST(:schema AS text), relname,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_class CROSS JOIN aclexplode(relacl)
WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:ours) AND grantee <> relowner
""")


class TablesBusyError(RuntimeError):
    """Somebody reads the tables without a pause; nothing was changed."""


def foreign_dependents(connection: Connection) -> Sequence[str]:
    """Views that are not Aforo's own and read the projections: they would go on reading what was replaced."""
    return connection.scalars(_DEPENDENTS, {"ours": [*PROJECTIONS, *VIEWS]}).all()


def hold_writers(connection: Connection) -> None:
    """Until the transaction ends, whoever writes the projections waits."""
    connection.execute(_WRITERS_WAIT)


def swap(connection: Connection, tries: int) -> None:
    """Put what is in the schema `REBUILT` in the place of the projections in use, which go to `REPLACED`.

    Readers wait until the transaction ends, some milliseconds later; while they have the tables, for half a second a try.

    Raises:
        TablesBusyError: the tables were being read at every try.
    """
    _hold_readers(connection, tries)
    home = connection.scalar(text("SELECT current_schema()"))
    ours = [*PROJECTIONS, *VIEWS]
    rights = connection.scalars(_RIGHTS, {"schema": REBUILT, "ours": ours}).all()
    for statement in (*rights, *_moves(str(home))):
        connection.exec_driver_sql(statement)


def drop(connection: Connection, schema: str) -> None:
    """Remove a set of tables, if it is there. TimescaleDB drops a hypertable only by itself."""
    for table in PROJECTIONS:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {schema}.{table} CASCADE")
    connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _hold_readers(connection: Connection, tries: int) -> None:
    for _ in range(tries):
        try:
            with connection.begin_nested():
                connection.execute(_BRIEFLY)
                connection.execute(_READERS_WAIT)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            time.sleep(_PAUSE_S)
        else:
            return
    raise TablesBusyError("the tables are being read without a pause; run it again when fewer long queries run")


def _moves(home: str) -> Iterator[str]:
    yield f"CREATE SCHEMA {REPLACED}"
    for view in VIEWS:
        yield f"DROP VIEW {view} CASCADE"  # with the function that returns its rows
    for table in PROJECTIONS:
        yield f'ALTER TABLE "{home}".{table} SET SCHEMA {REPLACED}'
        yield f'ALTER TABLE {REBUILT}.{table} SET SCHEMA "{home}"'
    for table in RESTATED:
        yield f'ALTER VIEW {REBUILT}.current_{table} SET SCHEMA "{home}"'
        yield f'ALTER FUNCTION {REBUILT}.{table}_before SET SCHEMA "{home}"'
