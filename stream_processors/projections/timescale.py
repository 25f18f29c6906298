"""The read model in TimescaleDB or plain PostgreSQL: binary COPY into staging, then one guarded statement per rule.

Rows and offset share a transaction that begins by moving the offset from where it is expected, which fences a writer whose
partition has moved. It must not know Kafka; what is retried, and how, is the caller's.
"""

import io
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class in spite of its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the same
from sqlalchemy import make_url

from stream_processors.projections import statements
from stream_processors.projections.binary import copy_data
from stream_processors.projections.errors import BadRowError, FencedError, TransientError
from stream_processors.projections.rows import rows_of
from stream_processors.projections.rules import LINE_DEFINED, RULES, ZONE_DEFINED, ZONE_MINUTE, Row, Rule, merged
from stream_processors.projections.store import Appended
from stream_processors.runtime import fail_points

CONSUMER = "projector"
# A dead peer is noticed within seconds and a busy server is given minutes. A worker that froze inside a transaction loses
# it, so that whoever has its partition now does not wait for its locks.
_CONNECTION: dict[str, Any] = {
    "application_name": "aforo-projector",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_OPTIONS = "-c statement_timeout=120s -c lock_timeout=30s -c idle_in_transaction_session_timeout=30s"
# Limits of a row, such as the length of an indexed text, are errors of operation for PostgreSQL, but no waiting mends them.
_BAD_ROW = (psycopg2.DataError, psycopg2.IntegrityError, errors.ProgramLimitExceeded)
# A table that is missing is about to be made by a migration; a server that only reads is about to be promoted or replaced.
_TRANSIENT = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    errors.UndefinedTable,
    errors.ReadOnlySqlTransaction,
)

# What follows from the rows of a rule, once all rows of a batch are there.
_AFTERWARDS: dict[Rule, str | sql.Composed] = {
    ZONE_MINUTE: statements.SUM_HOURS,
    ZONE_DEFINED: statements.end_late(ZONE_DEFINED),
    LINE_DEFINED: statements.end_late(LINE_DEFINED),
}


class TimescaleStore:
    """A `ProjectionStore` on the database at `database_url`, whose tables infra.timescale.migrate has made.

    With `schema` it is the one whose tables lie there, and touches no others.
    """

    def __init__(self, database_url: str, *, consumer: str = CONSUMER, schema: str | None = None) -> None:
        self._dsn = libpq_url(database_url)
        self._consumer = consumer
        self._options = _OPTIONS if schema is None else f"{_OPTIONS} -c search_path={schema}"
        self._connection: Connection | None = None
        self._staged: set[Rule] = set()

    def next_offset(self, topic: str, partition: int) -> int:
        """The first offset that is not in the read model; makes the row that later writes are fenced by."""
        key = (self._consumer, topic, partition)
        with self._transaction() as cursor:
            cursor.execute(statements.FIRST_OFFSET, key)
            cursor.execute(statements.NEXT_OFFSET, key)
            (offset,) = cursor.fetchone() or (0,)
        return int(offset)

    def write(
        self, topic: str, partition: int, expected_offset: int, next_offset: int, events: Sequence[Appended]
    ) -> None:
        """Store the rows of `events` and move the partition's offset, in one transaction."""
        batch = _encoded(events)
        self._stage(batch)
        with self._transaction() as cursor:
            cursor.execute(statements.MOVE_OFFSET, (next_offset, self._consumer, topic, partition, expected_offset))
            if not cursor.rowcount:
                raise FencedError(topic, partition, expected_offset)
            for rule, data in batch.items():
                cursor.copy_expert(statements.copy(rule), io.BytesIO(data))
                cursor.execute(statements.apply(rule))
            for rule in _AFTERWARDS.keys() & batch.keys():
                cursor.execute(_AFTERWARDS[rule])
            fail_points.reached("in-transaction")

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        self._staged.clear()
        if connection is not None:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        """A cursor whose work is committed at the end; the driver's errors become those that say what to do next."""
        try:
            connection = self._connection or self._connect()
            with connection, connection.cursor() as cursor:
                yield cursor
        except _BAD_ROW as error:
            raise BadRowError(str(error).strip()) from error
        except _TRANSIENT as error:
            self.close()
            raise TransientError(type(error).__name__, str(error).strip()) from error

    def _connect(self) -> Connection:
        self._connection = psycopg2.connect(self._dsn, **_CONNECTION, options=self._options)
        return self._connection

    def _stage(self, rules: Iterable[Rule]) -> None:
        """Make staging tables when they are first needed: each commit empties all there are, and that takes its time."""
        missing = [rule for rule in rules if rule not in self._staged]
        if missing:
            with self._transaction() as cursor:
                for rule in missing:
                    cursor.execute(statements.stage(rule))
            self._staged.update(missing)


def libpq_url(database_url: str) -> str:
    """The address as libpq reads it, without SQLAlchemy's dialect and driver."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def _encoded(events: Sequence[Appended]) -> dict[Rule, bytes]:
    """What to copy, by rule and in the order of the rules; all encoding is done before the transaction begins."""
    rows: defaultdict[Rule, list[Row]] = defaultdict(list)
    for event, appended_at in events:
        for rule, row in rows_of(event, appended_at):
            rows[rule].append(row)
    try:
        return {rule: copy_data(tuple(rule.types.values()), merged(rule, rows[rule])) for rule in RULES if rule in rows}
    except (struct.error, UnicodeEncodeError) as error:
        raise BadRowError(f"a value does not fit its column: {error}") from error
