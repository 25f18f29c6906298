"""An installation with sign-in over a fresh database."""

from collections.abc import Iterator

import pytest

from graphql_api.database import Database
from tests.access.installations import Installation, installed


@pytest.fixture
def installation(database: str) -> Iterator[Installation]:
    made = installed(database)
    yield made
    assert isinstance(made.services.database, Database)
    made.services.database.close()
