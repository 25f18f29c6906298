"""Schemathesis asks whatever the published descriptions allow, and nothing may answer with an error of ours or beyond its description."""

from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import BaseSchema
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Connection

from graphql_api.app import assemble
from graphql_api.commands import Commands
from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.settings import ApiSettings
from tests.api.doubles import services
from tests.api.tables import START, camera, insert, minute, track, visit, zone

pytestmark = pytest.mark.integration

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def no_bug(ctx: Any, response: Any, case: Any) -> None:
    """A check: errors are answers, but for those of ours."""
    del ctx, case
    codes = {error.get("extensions", {}).get("code") for error in response.json().get("errors", [])}
    assert "INTERNAL" not in codes, response.text
    assert response.status_code < 500, response.text


def try_out(described: BaseSchema, checks: list[Any], examples: int) -> None:
    """Ask each operation of a description `examples` questions that it allows; the same ones each time."""
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            case.call_and_validate(checks=checks)

        attempt()


@pytest.fixture
def app(read_model: Database, rows: Connection) -> FastAPI:
    """The API over a database with a little of everything."""
    for table, row in (
        ("cameras", camera()), ("zones", zone()), ("zone_minutes", minute()), ("tracks", track(1, START)),
        ("zone_visits", visit(1, START)),
    ):  # fmt: skip
        insert(rows, table, [row])
    made, _, log = services()
    patient = ApiSettings(access="open", cost_saved_up=10**9)
    return assemble(Services(patient, read_model, made.live, Commands(log, read_model, 0.01)), lambda _: None)


for name, texts in {
    "DateTime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.text(),
    "Duration": st.sampled_from(["PT1M", "PT1H", "P1D", "-PT5M", "P999999D", "soon"]),
    "LocalTime": st.times().map(lambda shown: shown.strftime("%H:%M")) | st.text(),
    "JSON": st.just("{}"),
}.items():
    schemathesis.graphql.scalar(name, texts.map(nodes.String))

EXAMPLES = [3, pytest.param(100, marks=pytest.mark.full)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_rest_answers_as_it_is_described(app: FastAPI, examples: int) -> None:
    try_out(schemathesis.openapi.from_asgi("/api/openapi.json", app), CHECKS, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_query_or_mutation_meets_a_bug(app: FastAPI, examples: int) -> None:
    try_out(schemathesis.graphql.from_asgi("/graphql", app), [no_bug], examples)
