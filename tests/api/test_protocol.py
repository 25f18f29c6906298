"""graphql-transport-ws in raw frames: each misuse has its close code, and nothing is left behind when a client goes."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from graphql_api.app import assemble
from graphql_api.context import Services
from graphql_api.metrics import COHORTS
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS
from tests.api.doubles import entered, entry, services
from tests.api.running import PATIENCE_S, Client, Running, connected, opened, serving, until_open

COPIES = " ".join(f"copy{n}: cursor" for n in range(8))
VISITS = "subscription($after: String) { zoneVisits(after: $after) { __typename ... on ZoneEntered { trackNo } } }"
LONG = VISITS.replace("trackNo", "trackNo cursor eventId cameraId zoneId enteredAt enteredAtMax entryReason " + COPIES)
SEVERAL = "subscription A { zoneVisits { __typename } } subscription B { zoneVisits { __typename } }"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Services]]:
    monkeypatch.setattr("graphql_api.router.HELLO_WITHIN_S", 0.5)
    made, _, _ = services(ring=5_000)
    with serving(assemble(made, lambda _: None)) as server:
        server.tell(made.live.begin, {ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
        yield server, made


def closed_after(server: Running, *messages: Any, hello: bool = True) -> int:
    """The code with which the server closes a socket after these messages; texts and bytes go as they are."""

    async def scenario() -> int:
        async with connected(server.address) if hello else opened(server.address) as client:
            for message in messages:
                raw = message if isinstance(message, str | bytes) else json.dumps(message)
                await client.connection.send(raw)
            with pytest.raises(ConnectionClosed) as closed:
                await drained(client)
            assert closed.value.rcvd is not None
            return int(closed.value.rcvd.code)

    return asyncio.run(scenario())


async def drained(client: Client, numbers: list[str] | None = None) -> None:
    """Receive until the server closes; what tracks were told goes to `numbers`."""
    while True:
        message = await client.receive()
        if numbers is not None:
            numbers.append(message["payload"]["data"]["zoneVisits"]["trackNo"])


def talk(server: Running, conversation: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def scenario() -> None:
        async with connected(server.address) as client:
            await conversation(client)

    asyncio.run(scenario())


def subscribe(id: str, query: str = VISITS) -> dict[str, Any]:  # noqa: A002 - the protocol's name
    return {"id": id, "type": "subscribe", "payload": {"query": query}}


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        (4400, ["no message"]),
        (4400, [{"type": "what"}]),
        (4400, [{"id": "1", "type": "subscribe"}]),
        (4400, [b'{"type": "ping"}']),
        (4400, [subscribe("1", "subscription {")]),
        (4409, [subscribe("1"), subscribe("1")]),
        (4429, [{"type": "connection_init"}]),
    ],
)
def test_a_misuse_closes_the_socket_with_its_code(
    api: tuple[Running, Services], code: int, messages: list[Any]
) -> None:
    assert closed_after(api[0], *messages) == code


def test_who_subscribes_before_the_hello_is_closed(api: tuple[Running, Services]) -> None:
    assert closed_after(api[0], subscribe("1"), hello=False) == 4401


def test_who_never_says_hello_is_closed(api: tuple[Running, Services]) -> None:
    assert closed_after(api[0], hello=False) == 4408


def test_a_ping_is_answered(api: tuple[Running, Services]) -> None:
    async def conversation(client: Client) -> None:
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"

    talk(api[0], conversation)


def test_one_of_several_operations_must_be_named(api: tuple[Running, Services]) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe(SEVERAL)
        message = await client.receive()
        assert (message["type"], "operation" in str(message["payload"])) == ("error", True)
        await client.send(id="2", type="subscribe", payload={"query": SEVERAL, "operationName": "B"})
        assert (await client.next())["zoneVisits"] == {"__typename": "CaughtUp"}

    talk(api[0], conversation)


def test_clients_with_the_same_question_share_one_execution_and_each_gets_every_event(
    api: tuple[Running, Services],
) -> None:
    server, made = api

    async def scenario() -> None:
        async with (
            asyncio.TaskGroup() as group,
            connected(server.address) as first,
            connected(server.address) as second,
        ):
            for client in (first, second):
                await client.subscribe(VISITS)
                await client.until_caught_up()
            server.tell(made.live.visits.ring.put, entry(0, entered(0)))
            numbers = [group.create_task(client.next()) for client in (first, second)]
            assert [(await number)["zoneVisits"]["trackNo"] for number in numbers] == ["0", "0"]
            assert COHORTS.labels("zoneVisits")._value.get() == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("abrupt", [False, True])
def test_nothing_is_left_of_clients_that_went(api: tuple[Running, Services], *, abrupt: bool) -> None:
    server, _ = api

    async def scenario() -> None:
        for _ in range(20):
            async with connected(server.address) as client:
                await client.subscribe(VISITS)
                await client.until_caught_up()
                if abrupt:
                    client.connection.transport.abort()
        await until_open(0)
        async with asyncio.timeout(PATIENCE_S):
            while _tasks(server) > before:  # noqa: ASYNC110 - the server's tasks end by themselves
                await asyncio.sleep(0.01)

    before = _tasks(server)
    asyncio.run(scenario())
    assert COHORTS.labels("zoneVisits")._value.get() == 0


def test_a_client_that_does_not_read_holds_up_nobody_and_is_told_to_resume(api: tuple[Running, Services]) -> None:
    server, made = api

    def publish(first: int, count: int) -> None:
        for offset in range(first, first + count):
            made.live.visits.ring.put(entry(offset, entered(offset)))

    async def scenario() -> None:
        async with connected(server.address) as slow, connected(server.address) as quick:
            for client in (slow, quick):
                await client.subscribe(LONG)
                await client.until_caught_up()
            slow.connection.transport.pause_reading()
            told = 0
            while told < 16_000:  # more than sockets and their buffers hold
                server.tell(publish, told, 500)
                for _ in range(500):
                    assert (await quick.next())["zoneVisits"]["trackNo"] == str(told)
                    told += 1
            slow.connection.transport.resume_reading()
            got: list[str] = []
            with pytest.raises(ConnectionClosed) as closed:
                await drained(slow, got)
            assert got == [str(number) for number in range(len(got))]
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4008

    asyncio.run(scenario())


def _tasks(server: Running) -> int:
    return len(asyncio.all_tasks(server.loop))
