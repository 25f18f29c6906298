"""How the tests of replay runs speak with the API: GraphQL and REST over services of their choice."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.testclient import TestClient
from strawberry.types.execution import ExecutionResult

from graphql_api.access.principal import OPEN
from graphql_api.app import assemble
from graphql_api.context import Context, Services
from graphql_api.database import Database
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings
from tests.api.doubles import services


@contextmanager
def over(database: str) -> Iterator[Services]:
    """The services of an API process over a real database; nobody answers its commands, and the clock is the real one."""
    read_model = Database(database, ApiSettings())
    made, _, _ = services()
    try:
        yield Services(made.settings, read_model, made.live, made.commands)
    finally:
        read_model.close()


def execute(made: Services, document: str, **variables: Any) -> ExecutionResult:
    result = asyncio.run(api_schema().execute(document, variables, Context(made, OPEN)))
    assert isinstance(result, ExecutionResult)
    return result


def ask(made: Services, document: str, **variables: Any) -> Any:
    """What the one field of a document answered."""
    result = execute(made, document, **variables)
    assert result.errors is None, result.errors
    assert result.data is not None
    (answer,) = result.data.values()
    return answer


def rest(made: Services) -> TestClient:
    return TestClient(assemble(made, ask_kafka=lambda _: None))
