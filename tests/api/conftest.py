"""The read model of a fresh database, and rows to fill it with."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from graphql_api.database import Database
from graphql_api.settings import ApiSettings


@pytest.fixture
def read_model(database: str) -> Iterator[Database]:
    """The API's way to the database."""
    made = Database(database, ApiSettings())
    yield made
    made.close()


@pytest.fixture
def rows(database: str) -> Iterator[Connection]:
    """A connection that fills the tables; each statement is committed."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
