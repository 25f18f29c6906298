"""A topic, its ring and a database behind it, in memory: the test says how far each of them has got."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from aiokafka.partitioner import murmur2

from graphql_api.cursors import place_of
from graphql_api.errors import ServiceUnavailableError
from graphql_api.event_stream import CaughtUp, Heartbeat, Item, Reader, Source, follow
from graphql_api.live import VisitEvent
from graphql_api.ring import Ring, RingEntry
from graphql_api.sql import streams
from graphql_api.sql.streams import Page, cameras_kept, newest_places, page_after
from tests.api.doubles import entered

SOON = 10.0


def cameras(partitions: int) -> list[str]:
    """A camera for each partition, found by the partitioner that producers use."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        found.setdefault((murmur2(f"cam-{number}".encode()) & 0x7FFFFFFF) % partitions, f"cam-{number}")
        number += 1
    return [found[partition] for partition in range(partitions)]


class Topic:
    """Everything published, and how much of it the database holds."""

    def __init__(self, partitions: int = 1) -> None:
        self.cameras = cameras(partitions)
        self.records: list[RingEntry[VisitEvent]] = []
        self.stored = 0
        self.removed = 0
        self.away = False
        self._offsets = dict.fromkeys(range(partitions), 0)

    def publish(self, partition: int = 0) -> RingEntry[VisitEvent]:
        """The next record; its place in the log is larger than any before it in its partition."""
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        event = entered(10 * len(self.records), self.cameras[partition], partition)
        self.records.append(RingEntry(partition, offset, event))
        return self.records[-1]

    def source(self, ring: int, start: int = 0, epoch: int = 0) -> Source[VisitEvent]:
        """A process that starts now: its ring begins at record `start` and has read all that is there."""
        made: Ring[VisitEvent] = Ring(ring)
        bounds = {}
        for partition, end in self._offsets.items():
            later = [each.offset for each in self.records[start:] if each.partition == partition]
            bounds[partition] = (min(later, default=end), end)
        made.begin(bounds)
        for record in self.records[start:]:
            made.put(record)
        return Source("zoneVisits", epoch, made, streams.VISITS, lambda row, _: row["event"])

    async def run(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The answers of the database to the three questions that event streams ask."""
        assert not kwargs
        await asyncio.sleep(0)
        if self.away:
            raise ServiceUnavailableError("The database is away. Try again later.")
        stored = self.stored  # one snapshot: servers ask from their own threads
        kept = self.records[self.removed : stored]
        if query is page_after:
            _, wanted, behind, limit = args
            return self._page(kept, (wanted, behind, limit), stored)
        assert isinstance(query, partial)
        if query.func is newest_places:
            return {each.event.camera_id: each.place for each in sorted(kept, key=lambda each: each.place)}
        assert query.func is cameras_kept
        behind = query.keywords["behind"]
        first = {each.event.camera_id: each.place for each in reversed(kept)}
        return {camera_id: place <= behind(camera_id) for camera_id, place in first.items()}

    def _page(self, kept: list[RingEntry[VisitEvent]], query: tuple[Any, Any, int], until: int) -> Page:
        wanted, behind, limit = query
        after = [each for each in kept if each.place > behind(each.event.camera_id)]
        after = [each for each in after if wanted is None or each.event.camera_id in wanted]
        found = sorted(after, key=lambda each: each.place)[:limit]
        stored = {each.partition: each.offset + 1 for each in self.records[:until]}
        rows: Any = [_row(each.event) for each in found]
        return Page(rows, stored)


def _row(event: VisitEvent) -> dict[str, Any]:
    seq, index = place_of(event.position)
    return {"event": event, "camera_id": event.camera_id, "seq": seq, "seq_index": index}


def everyone(heartbeat_s: float = 15.0) -> Reader:
    return Reader("all", lambda _: True, heartbeat_s=heartbeat_s)


async def take(stream: AsyncIterator[Item[VisitEvent]], count: int) -> list[Item[VisitEvent]]:
    """The next events of a stream; what else it says is left out."""
    found: list[Item[VisitEvent]] = []
    async with asyncio.timeout(SOON):
        while len(found) < count:
            item = await anext(stream)
            if not isinstance(item.told, CaughtUp | Heartbeat):
                found.append(item)
    return found


async def caught_up(topic: Topic, source: Source[VisitEvent], after: str | None = None) -> list[Item[VisitEvent]]:
    """All that a reader is told until it has caught up, that word included."""
    found = []
    async with asyncio.timeout(SOON):
        async for item in follow(source, topic, everyone(), after):
            found.append(item)
            if isinstance(item.told, CaughtUp):
                break
    return found
