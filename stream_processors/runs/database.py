"""One session with the database, transaction by transaction. It must not know a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class in spite of its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the same

from stream_processors.projections.errors import TransientError
from stream_processors.projections.timescale import libpq_url

_CONNECTION: dict[str, Any] = {
    "application_name": "aforo-replays",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_TRANSIENT = psycopg2.OperationalError, psycopg2.InterfaceError, errors.UndefinedTable, errors.ReadOnlySqlTransaction


class Session:
    """A connection that is made when it is needed, and again after it was lost."""

    def __init__(self, database_url: str) -> None:
        self._dsn = libpq_url(database_url)
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor whose work is committed at the end, or undone by an error.

        Raises:
            TransientError: the database is away or busy; try again later.
        """
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self._dsn, **_CONNECTION)
            with self._connection as connection, connection.cursor() as cursor:
                yield cursor
        except _TRANSIENT as error:
            self.close()
            raise TransientError(type(error).__name__, str(error).strip()) from error

    def close(self) -> None:
        """Let go of the connection, and of every lock it holds."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
