"""What stays open ends with the access it was opened with, over HTTP as over WebSocket; without a network."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from graphql_api.access.changes import AccessChanges
from graphql_api.access.gate import Access, Gate
from graphql_api.access.sign_in import SignIn
from graphql_api.errors import ServiceUnavailableError
from graphql_api.settings import ApiSettings
from graphql_api.sql.access import key_of, standing
from tests.api.doubles import NOW, ScriptedReadModel

KEY = {
    "session_id": None,
    "key_id": "k",
    "expires_at": NOW,
    "user_id": "u",
    "grants": {"default": "VIEWER"},
    "limits": None,
}
SENT = b"Bearer aforo_k_s"
# SHA-256 of "s", as `printf s | sha256sum` prints it
HASH = bytes.fromhex("043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89")


def a_gate(app: Any, answers: dict[Any, Any], database: ScriptedReadModel | None = None) -> Gate:
    settings, database = ApiSettings(), database or ScriptedReadModel()
    database.answers = {key_of: KEY | {"secret_hash": HASH}} | answers
    return Gate(app, Access(settings, SignIn(settings, database), AccessChanges(database, 0.001)))


async def endless(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """A stream that never ends by itself."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.Event().wait()


async def through(gate: Gate) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return await asyncio.Future()

    scope = {
        "type": "http", "method": "POST", "path": "/graphql/stream", "headers": [(b"authorization", SENT)], "state": {},
    }  # fmt: skip
    async with asyncio.timeout(10):
        await gate(scope, receive, send)
    return sent


def test_a_stream_ends_when_the_key_it_was_opened_with_is_revoked() -> None:
    sent = asyncio.run(through(a_gate(endless, {standing: []})))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is False


def test_a_stream_ends_when_the_role_it_was_opened_with_changes() -> None:
    changed = KEY | {"grants": {"default": "ADMIN"}}
    assert asyncio.run(through(a_gate(endless, {standing: [changed]})))[-1]["more_body"] is False


@pytest.mark.parametrize("answer", [[KEY], ServiceUnavailableError("away")])
def test_a_stream_stays_open_while_its_access_stands_or_cannot_be_asked_for(answer: Any) -> None:
    database = ScriptedReadModel()

    async def watched() -> bool:
        gate = a_gate(endless, {standing: answer}, database)
        open_stream = asyncio.create_task(through(gate))
        while [query for query, *_ in database.asked].count(standing) < 3:  # noqa: ASYNC110 - the stand-in only counts
            await asyncio.sleep(0)
        ended = open_stream.done()
        open_stream.cancel()
        return ended

    assert not asyncio.run(watched())
