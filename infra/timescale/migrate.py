"""Brings a database to the schema this release needs, and waits for a server that is still starting.

It must not know who reads or writes the tables. Migrations of several processes at once take turns.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from infra.timescale.edition import Edition, edition_of

_LOG = structlog.get_logger(__name__)
_POLL_S = 0.5
_TURN = text("SELECT pg_advisory_xact_lock(hashtext('aforo.migrations'))")
# TimescaleDB's own functions stay where its extension was made.
_IN_FRONT = text("SELECT set_config('search_path', :schema || ', ' || current_setting('search_path'), true)")


class DatabaseUnavailableError(ConnectionError):
    """No connection within the time allowed; the message names the address and the last reason, never the password."""


def upgrade(database_url: str, revision: str = "head", *, wait_s: float = 60.0, schema: str | None = None) -> Edition:
    """Migrate up to `revision` in one transaction and return the edition the database has.

    With `schema` a second set of all tables is made there, beside the one in use.

    Raises:
        DatabaseUnavailableError: no connection within `wait_s` seconds.
    """
    return _run(command.upgrade, database_url, revision, wait_s, schema)


def downgrade(database_url: str, revision: str = "base", *, wait_s: float = 60.0) -> Edition:
    """Migrate down to `revision`; what the dropped tables held is lost.

    Raises:
        DatabaseUnavailableError: no connection within `wait_s` seconds.
    """
    return _run(command.downgrade, database_url, revision, wait_s)


def _run(
    step: Callable[[Config, str], None], database_url: str, revision: str, wait_s: float, schema: str | None = None
) -> Edition:
    # whatever dialect reads the database later, DDL is plain PostgreSQL's
    url = make_url(database_url).set(drivername="postgresql+psycopg2")
    with _transaction(url, wait_s) as connection:
        connection.execute(_TURN)
        if schema:
            connection.execute(CreateSchema(schema, if_not_exists=True))
            connection.execute(_IN_FRONT, {"schema": schema})
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes |= {"connection": connection, "schema": schema}
        step(config, revision)
        return edition_of(connection)


@contextmanager
def _transaction(url: URL, wait_s: float) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    connection = _connected(engine.connect, url, time.monotonic() + wait_s)
    with connection, connection.begin():
        yield connection


def _connected(connect: Callable[[], Connection], url: URL, give_up_at: float) -> Connection:
    told = ""
    while True:
        try:
            return connect()
        except OperationalError as error:
            reason = str(error.orig).strip()
            if time.monotonic() >= give_up_at:
                raise DatabaseUnavailableError(
                    f"no database at {_address(url)}: {reason}. Start it, or correct the database's address."
                ) from None
        if reason != told:
            _LOG.warning("waiting for the database", address=_address(url), reason=reason)
            told = reason
        time.sleep(_POLL_S)


def _address(url: URL) -> str:
    return f"{url.host or 'local socket'}:{url.port or 5432}/{url.database}"
