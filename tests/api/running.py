"""A real server on a free port for tests that speak HTTP and WebSocket to it."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from graphql_api.app import server_config
from graphql_api.metrics import SUBSCRIPTIONS
from graphql_api.settings import ApiSettings

PATIENCE_S = 15.0


class Running(uvicorn.Server):
    """A server in a thread; `started` once it listens, `loop` is the one it runs in."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, app: FastAPI) -> None:
        super().__init__(server_config(app, ApiSettings(port=0)))
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.listening.set()

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self.servers[0].sockets[0].getsockname()
        return f"{host}:{port}"

    def tell(self, function: Any, *args: Any) -> None:
        """Call a function in the server's loop and wait until it has run."""

        async def call() -> None:
            function(*args)

        asyncio.run_coroutine_threadsafe(call(), self.loop).result(PATIENCE_S)


@contextmanager
def serving(app: FastAPI) -> Iterator[Running]:
    """A server for `app` while the context lasts."""
    server = Running(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(PATIENCE_S)
        yield server
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class Client:
    """One graphql-transport-ws connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            text = await self.connection.recv()
        assert isinstance(text, str), "the protocol knows text only"
        message: dict[str, Any] = json.loads(text)
        return message

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:  # noqa: A002 - the protocol's name
        await self.send(id=id, type="subscribe", payload={"query": query, "variables": variables})

    async def until_caught_up(self, field: str = "zoneVisits") -> dict[str, Any]:
        """The item of an event stream that says that what follows is news."""
        while (item := (await self.next())[field])["__typename"] != "CaughtUp":
            pass
        found: dict[str, Any] = item
        return found

    async def next(self) -> dict[str, Any]:
        """The data of the next message, which must be one of data without errors."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        data: dict[str, Any] = message["payload"]["data"]
        return data


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Client]:
    """A client whose connection is acknowledged."""
    async with opened(address) as client:
        await client.send(type="connection_init")
        assert (await client.receive())["type"] == "connection_ack"
        yield client


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Client]:
    """A client that has said nothing yet."""
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(f"ws://{address}/graphql", subprotocols=protocols, compression=None) as connection:
        assert connection.subprotocol == "graphql-transport-ws"
        yield Client(connection)


async def until_open(count: int) -> None:
    """Return when the server serves `count` subscriptions over WebSocket."""
    async with asyncio.timeout(PATIENCE_S):
        while SUBSCRIPTIONS.labels("websocket")._value.get() != count:  # noqa: ASYNC110 - a gauge has no event to await
            await asyncio.sleep(0.005)
