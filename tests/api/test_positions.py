"""A read that names a position waits until the database holds it, and says so when it does not in time."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from graphql_api.app import assemble
from graphql_api.errors import BadInputError, PositionNotReachedError
from graphql_api.pagination import encode_cursor
from graphql_api.positions import parsed, position_token, wait_for
from graphql_api.sql.commands import projected
from graphql_api.sql.sites import all_sites
from tests.api.doubles import ScriptedReadModel, at, services

TOKEN = position_token("door", at(7, index=2))


class CatchingUp(ScriptedReadModel):
    """Holds the position from the third question on."""

    async def run(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        await super().run(query, *args, **kwargs)
        return len(self.asked) > 2


def request(*tokens: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"x-min-position", ", ".join(tokens).encode())]})


def test_a_position_names_the_camera_and_the_place_as_the_database_counts_it() -> None:
    assert parsed(TOKEN) == ("door", 7, 2)


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        encode_cursor(["cameras", "door"]),
        encode_cursor(["position", "door", 0, -1, 0]),
        encode_cursor(["position", "door", 1 << 20, 0, 0]),
        encode_cursor(["position", "door", 0, 0, 1 << 40]),
        encode_cursor(["position", "do\0r", 0, 0, 0]),
        encode_cursor(["position", "door", "0", 0, 0]),
    ],
)
def test_what_is_no_position_is_refused_by_name(token: str) -> None:
    with pytest.raises(BadInputError, match="X-Min-Position"):
        parsed(token)


def test_a_read_waits_until_the_database_holds_the_position() -> None:
    database = CatchingUp({projected: None})
    asyncio.run(wait_for(database, request(TOKEN)))
    assert database.asked == [(projected, "door", 7, 2)] * 3


def test_several_cameras_are_waited_for() -> None:
    database = ScriptedReadModel({projected: True})
    asyncio.run(wait_for(database, request(TOKEN, position_token("hall", at(1)))))
    assert {camera for _, camera, *_ in database.asked} == {"door", "hall"}


def test_without_the_header_nothing_is_asked() -> None:
    asyncio.run(wait_for(ScriptedReadModel(), HTTPConnection({"type": "http", "headers": []})))
    asyncio.run(wait_for(ScriptedReadModel(), None))


def test_a_database_that_does_not_catch_up_is_named() -> None:
    with pytest.raises(PositionNotReachedError, match="has not caught up"):
        asyncio.run(wait_for(ScriptedReadModel({projected: False}), request(TOKEN), patience_s=0.01))


def test_too_many_positions_are_refused() -> None:
    with pytest.raises(BadInputError, match="more than 20"):
        asyncio.run(wait_for(ScriptedReadModel({projected: True}), request(*[TOKEN] * 21)))


@pytest.mark.parametrize(("token", "code"), [(TOKEN, None), ("nonsense", "BAD_INPUT")])
def test_a_query_over_http_waits_for_its_header(token: str, code: str | None) -> None:
    made, read_model, _ = services({projected: True, all_sites: []})
    body = {"query": "{ sites { siteId } }"}
    answer = TestClient(assemble(made, lambda _: None)).post("/graphql", json=body, headers={"x-min-position": token})
    assert [error["extensions"]["code"] for error in answer.json().get("errors", [])] == ([code] if code else [])
    assert [query for query, *_ in read_model.asked] == ([projected, all_sites] if code is None else [])
