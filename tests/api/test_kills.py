"""Clients that are cut off at random and servers that go away: whoever resumes after its last cursor gets each event once."""

import asyncio
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from graphql_api.app import assemble
from graphql_api.context import Services
from graphql_api.live import Live
from tests.api.doubles import services
from tests.api.running import PATIENCE_S, Running, connected, serving
from tests.api.stored import Topic

VISITS = """subscription($after: String) { zoneVisits(after: $after) {
  __typename ... on ZoneEntered { cursor trackNo } ... on CaughtUp { cursor } ... on Heartbeat { cursor } } }"""
CLIENTS = 12
RING = 40


class Process:
    """One API process on the topic: its ring has what was there when it began, and then what is published."""

    def __init__(self, topic: Topic, stack: ExitStack) -> None:
        made, _, _ = services()
        live = Live(RING)
        source = topic.source(RING, start=max(0, topic.stored - 10))
        live.visits = replace(live.visits, ring=source.ring, event_of=source.event_of)
        live.connected = True
        self.services = Services(made.settings, topic, live, made.commands)
        self.server: Running = stack.enter_context(serving(assemble(self.services, lambda _: None)))

    def take(self, record: Any) -> None:
        self.server.loop.call_soon_threadsafe(self.services.live.visits.ring.put, record)


class Client:
    """Follows one process after another; keeps what it was told with the cursor behind it, as an application would."""

    def __init__(self, address: Callable[[], str], chance: random.Random) -> None:
        self._address = address
        self._chance = chance
        self.numbers: list[str] = []
        self.cursor: str | None = None
        self.began = asyncio.Event()
        self.kills = 0

    async def follow(self, last: Callable[[], str | None]) -> None:
        while not self._has(last()):
            try:
                await self._connection(last)
            except (ConnectionClosed, OSError, EOFError, InvalidHandshake):
                await asyncio.sleep(0.01)  # as a client waits before it tries again

    async def _connection(self, last: Callable[[], str | None]) -> None:
        async with connected(self._address()) as client:
            await client.subscribe(VISITS, after=self.cursor)
            until = self._chance.randint(1, 25)
            while not self._has(last()):
                item = (await client.next())["zoneVisits"]
                self.cursor = item["cursor"]
                self.numbers += [item["trackNo"]] if "trackNo" in item else []
                self.began.set()
                until -= 1
                if not until:
                    self.kills += 1
                    client.connection.transport.abort()

    def _has(self, number: str | None) -> bool:
        return bool(self.numbers) and self.numbers[-1] == number


@pytest.mark.parametrize(
    ("kills", "server_kills"), [(120, 1), pytest.param(2_000, 8, marks=pytest.mark.full, id="many")]
)
def test_after_many_kills_of_clients_and_servers_each_client_got_each_event_once(kills: int, server_kills: int) -> None:
    chance = random.Random(20_261_123)
    topic = Topic(3)
    with ExitStack() as stack:
        processes = [Process(topic, stack), Process(topic, stack)]

        async def scenario() -> list[Client]:
            clients = [Client(lambda: chance.choice(processes).server.address, chance) for _ in range(CLIENTS)]
            last: str | None = None
            async with asyncio.timeout(8 * PATIENCE_S), asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.follow(lambda: last))
                await asyncio.gather(*(client.began.wait() for client in clients))
                while sum(client.kills for client in clients) < kills:
                    publish(topic, processes, chance)
                    await asyncio.sleep(0.001)
                    if len(topic.records) in {100 * each for each in range(1, server_kills + 1)}:
                        gone = processes.pop(0)
                        processes.append(await asyncio.to_thread(Process, topic, stack))
                        gone.server.force_exit = gone.server.should_exit = True
                last = str(10 * len(topic.records))  # the track of the record that follows
                publish(topic, processes, chance)
                topic.stored = len(topic.records)
            return clients

        clients = asyncio.run(scenario())
    expected = _by_camera(topic)
    cameras = {str(record.event.track_no): record.event.camera_id for record in topic.records}
    for client in clients:
        found: dict[str, list[str]] = {camera_id: [] for camera_id in topic.cameras}
        for number in client.numbers:
            found[cameras[number]].append(number)
        assert found == expected
    assert sum(client.kills for client in clients) >= kills


def publish(topic: Topic, processes: list[Process], chance: random.Random, partitions: int = 3) -> None:
    """One more record; the projector is at times behind, but never by more than a ring."""
    record = topic.publish(chance.randrange(partitions))
    for process in processes:
        process.take(record)
    topic.stored = max(topic.stored, len(topic.records) - chance.randrange(RING // 2))


def _by_camera(topic: Topic) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {camera_id: [] for camera_id in topic.cameras}
    for record in topic.records:
        found[record.event.camera_id].append(str(record.event.track_no))
    return found
