"""Clients of the last release go on working: nothing they may use was taken from the schema.

`schema.released.graphql` is the schema of the last release; a release replaces it with `schema.graphql`.
"""

from pathlib import Path

import pytest
from graphql import build_schema, find_breaking_changes

import graphql_api
from graphql_api.schema import api_schema

RELEASED = Path(graphql_api.__file__).with_name("schema.released.graphql").read_text(encoding="utf-8")


def breaking(old: str, new: str) -> list[str]:
    return [change.description for change in find_breaking_changes(build_schema(old), build_schema(new))]


def test_nothing_that_was_released_is_taken_away() -> None:
    assert breaking(RELEASED, api_schema().as_str()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("  dwellMs: Float\n", ""), ("  minDwellMs: Int = null\n", "  minDwellMs: Int!\n"), ("  TRANSIT\n", "")],
)
def test_a_change_that_would_break_clients_is_found(before: str, after: str) -> None:
    assert before in RELEASED
    assert breaking(RELEASED, RELEASED.replace(before, after, 1))
