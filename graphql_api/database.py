"""Runs query functions on a bounded pool of threads and connections, and says in the API's words what went wrong.

The functions themselves are in `graphql_api.sql`; nothing here knows a table.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from graphql_api.errors import ApiError, BadInputError, QueryTimeoutError, ServiceUnavailableError
from graphql_api.metrics import DATABASE_ERRORS
from graphql_api.settings import ApiSettings

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_QUERY_CANCELED = "57014"
_DATA_EXCEPTION = "22"
_UNDEFINED_TABLE = "42P01"
# Connection lost (no code), class 08, too many connections, and the server going down or coming up.
_AWAY = (None, "53300", "57P01", "57P02", "57P03")


class ReadModel(Protocol):
    """Runs a query function and awaits its answer."""

    async def run(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer of `query(connection, *args, **kwargs)`.

        Raises:
            ServiceUnavailableError: the database is away or not migrated yet.
            QueryTimeoutError: the statement took too long.
        """
        ...


class Database:
    """The projections in PostgreSQL, with TimescaleDB or without; connects at the first query and again after an outage."""

    def __init__(self, url: str, settings: ApiSettings) -> None:
        self._engine = _engine(url, settings)
        self._threads = ThreadPoolExecutor(settings.pool_size, thread_name_prefix="database")

    async def run(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer of `query`; errors as `ReadModel.run` says."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self._run, query, *args, **kwargs)
        )

    def now(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer of `query`, for who has no event loop; blocks, and errors as `ReadModel.run` says."""
        return self._run(query, *args, **kwargs)

    def close(self) -> None:
        """Let go of the threads and connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._engine.dispose()

    def _run(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with self._engine.connect() as connection:
                return query(connection, *args, **kwargs)
        except ValueError as error:  # the driver's, about text that PostgreSQL cannot hold
            raise BadInputError("Text must not hold the character U+0000, nor half a surrogate pair.") from error
        except SQLAlchemyError as error:
            known = _known(error)
            if known is None:
                raise
            DATABASE_ERRORS.labels(known.code).inc()
            raise known from error


def _engine(url: str, settings: ApiSettings) -> Engine:
    return create_engine(
        make_url(url).set(drivername="timescaledb+psycopg2"),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.connect_timeout_s,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",  # every query function is one statement: no BEGIN and COMMIT around it
        connect_args={
            "connect_timeout": settings.connect_timeout_s,
            "application_name": "aforo-api",
            "options": f"-c statement_timeout={settings.statement_timeout_ms} -c timezone=UTC -c jit=off",
        },
    )


def _known(error: SQLAlchemyError) -> ApiError | None:
    if isinstance(error, PoolTimeoutError):
        return ServiceUnavailableError("The database is busy: no connection became free. Try again later.")
    code = getattr(getattr(error, "orig", None), "pgcode", "")
    if code == _QUERY_CANCELED:
        return QueryTimeoutError("The query took too long. Ask for a shorter range or fewer cameras.")
    if code == _UNDEFINED_TABLE:
        return ServiceUnavailableError("The database is not migrated yet. Run the migrations, then try again.")
    if str(code).startswith(_DATA_EXCEPTION):
        return BadInputError("A value is beyond what the database can hold. Take a smaller one.")
    if isinstance(error, DBAPIError) and (code in _AWAY or str(code).startswith("08")):
        return ServiceUnavailableError("The database is away. Try again later.")
    return None
