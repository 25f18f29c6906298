"""What a subscriber costs one API process: CPU per delivered message and memory per client, over real sockets.

The server is a process of its own over stand-ins, so its CPU is what the API spends; the clients share the machine.
"""

import asyncio
import json
import multiprocessing
import time
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.api import services, visit
from graphql_api.app import assemble, server_config
from graphql_api.settings import ApiSettings
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS

CLIENTS = 500
EVENTS_PER_S = 10
SECONDS = 10
VISITS = "subscription { zoneVisits { __typename ... on ZoneEntered { cursor cameraId trackNo zoneId enteredAt } } }"


def _serve(pipe: Connection) -> None:
    asyncio.run(_server(pipe))


async def _server(pipe: Connection) -> None:
    made = services()
    made.live.begin({ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
    server = uvicorn.Server(server_config(assemble(made, lambda _: None), ApiSettings(access="open", port=0)))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it so
        await asyncio.sleep(0.01)
    before = _rss_kb()
    pipe.send(server.servers[0].sockets[0].getsockname()[1])
    await asyncio.to_thread(pipe.recv)
    memory_kb, began = _rss_kb() - before, time.process_time()
    for offset in range(EVENTS_PER_S * SECONDS):
        made.live.visits.ring.put(visit(offset))
        await asyncio.sleep(1 / EVENTS_PER_S)
    pipe.send((time.process_time() - began, memory_kb))
    await asyncio.to_thread(pipe.recv)
    server.should_exit = True
    await running


async def _clients(port: int, pipe: Connection) -> tuple[float, int, list[int]]:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(_connection(port)) for _ in range(CLIENTS)]
        for socket in sockets:
            await _subscribe(socket)
        pipe.send("go")
        received = await asyncio.gather(*(_receive(socket) for socket in sockets))
        cpu_s, memory_kb = await asyncio.to_thread(pipe.recv)
        pipe.send("done")
    return cpu_s, memory_kb, received


def _connection(port: int) -> connect:
    protocols = [Subprotocol("graphql-transport-ws")]
    return connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=protocols, compression=None)


async def _subscribe(socket: ClientConnection) -> None:
    await socket.send('{"type":"connection_init"}')
    await socket.recv()
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": VISITS}}))
    await socket.recv()  # CaughtUp


async def _receive(socket: ClientConnection) -> int:
    count = 0
    async with asyncio.timeout(6 * SECONDS):
        while count < EVENTS_PER_S * SECONDS:
            count += b"ZoneEntered" in await socket.recv(decode=False)
    return count


def _rss_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4


def main() -> None:
    """Measure and print."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    cpu_s, memory_kb, received = asyncio.run(_clients(ours.recv(), ours))
    process.join()
    delivered, due = sum(received), CLIENTS * EVENTS_PER_S * SECONDS
    print(f"zoneVisits to {CLIENTS} clients, {EVENTS_PER_S} events a second for {SECONDS} s:")
    print(
        f"  {cpu_s / delivered * 1e6:.0f} µs CPU a message, {memory_kb / CLIENTS:.0f} KB a client, {due - delivered} lost"
    )


if __name__ == "__main__":
    main()
