"""Event streams: every event after a cursor once, from the database as far as memory does not reach back, then as they come.

A reader behind the ring takes pages from the database until nothing lies between what is stored there and the ring, and goes
on in the ring; a place that was told is not told again. While the database is away it waits. Nothing here knows GraphQL.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from aiokafka.partitioner import murmur2
from sqlalchemy import Connection, RowMapping

from graphql_api.cursors import BEGINNING, EARLIEST, Place, Stream, StreamChangedError, place_of
from graphql_api.database import ReadModel
from graphql_api.errors import CursorExpiredError, QueryTimeoutError, ServiceUnavailableError
from graphql_api.metrics import BACKFILL_ROWS
from graphql_api.ring import READ_AT_ONCE, Ring
from graphql_api.sql.streams import Page, StreamSql, cameras_kept, newest_places, page_after
from schemas.events import Derived, Position

E = TypeVar("E", bound=Derived)
T = TypeVar("T")
_RETRY_S = 0.2
_EPOCH_BITS = 48
_POSITIVE = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing was told for a while, but the stream may have got further."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that was there has been told; what follows is news."""


@dataclass(frozen=True, slots=True)
class Item(Generic[E]):
    """What a reader is told, the cursor behind it, and the point of the ring where others may join it (None: none yet)."""

    cursor: str
    told: E | CaughtUp | Heartbeat
    joined: "Joined | None"


@dataclass(frozen=True, slots=True)
class Joined:
    """A point of the ring up to which a reader has been told everything, and whether its last record was told just then."""

    read: int
    places: Mapping[int, Place]
    by_news: bool = False


@dataclass(slots=True)
class Sharing:
    """How an execution takes part in a cohort: behind which point it is to begin (None: as asked), and which it reached.

    A point is a `Joined` of an EVENT stream, and of a STATE stream the state that was told last.
    """

    begin: object = None
    reached: object = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the filter as a key of its cursors and as a rule, and the cameras to ask for (None: all)."""

    filter_key: str
    wants: Callable[[str], bool]
    camera_ids: Sequence[str] | None = None
    heartbeat_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Source(Generic[E]):
    """One topic: its name and generation, its ring, and how rows of the database become its events again.

    `grown` holds, for each time the topic got more partitions, how many it had had.
    """

    name: str
    epoch: int
    ring: Ring[E]
    sql: StreamSql
    event_of: Callable[[RowMapping, Position], E]
    grown: Sequence[int] = ()

    def partition_of(self, camera_id: str, epoch: int | None = None) -> int:
        """Where the records of a camera stand, or stood in an earlier epoch of the log."""
        counts = [*self.grown, self.ring.partitions]
        count = counts[-1 if epoch is None else min(epoch, len(self.grown))]
        return int((murmur2(camera_id.encode()) & _POSITIVE) % count)

    def event(self, row: RowMapping) -> E:
        """The event that a row was made from."""
        epoch, offset = divmod(row["seq"], 1 << _EPOCH_BITS)
        partition = self.partition_of(row["camera_id"], epoch)
        return self.event_of(row, Position(epoch=epoch, partition=partition, offset=offset, index=row["seq_index"]))


async def follow(source: Source[E], database: ReadModel, reader: Reader, after: str | None) -> AsyncIterator[Item[E]]:
    """Everything after the cursor (None: from now on), CaughtUp when all that was there is told, then what comes.

    Raises:
        CursorInvalidError: the cursor is not one of this stream and filter.
        CursorExpiredError: what follows it is not kept any more; names the earliest and the latest cursor.
    """
    await source.ring.until_ready()
    run = _Run(source, database, reader)
    await run.begin(after)
    async for item in run.catch_up():
        yield item
    yield run.item(CaughtUp())
    async for item in run.live():
        yield item


async def go_on(source: Source[E], database: ReadModel, reader: Reader, joined: Joined) -> AsyncIterator[Item[E]]:
    """What comes after a point of the ring."""
    run = _Run(source, database, reader)
    run.read, run.places = joined.read, dict(joined.places)
    async for item in run.live():
        yield item


class _Run(Generic[E]):
    """One reader's way: `places` is how far it has been told, `read` how much of the ring it has seen (None: none)."""

    def __init__(self, source: Source[E], database: ReadModel, reader: Reader) -> None:
        self._source = source
        self._ring = source.ring
        self._database = database
        self._reader = reader
        self._stream = Stream(source.name, source.epoch, reader.filter_key)
        self._told_at = monotonic()
        self.places: dict[int, Place] = {}
        self.read: int | None = None
        self._ahead: dict[int, Place] = {}  # told from elsewhere, before the ring of this process had it

    async def begin(self, after: str | None) -> None:
        if after is None:
            read = self._ring.arrived  # what arrives while the database is asked is news
            self.places, self.read = await self._newest(), read
            return
        try:
            self.places = self._stream.places(after, self._ring.partitions)
        except StreamChangedError as error:
            raise await self._expired() from error
        if after != EARLIEST and not self._ring.holds_after(self.places) and not await self._is_kept():
            raise await self._expired()

    def item(self, told: E | CaughtUp | Heartbeat) -> Item[E]:
        self._told_at = monotonic()
        joined = (
            None
            if self.read is None or self._ahead
            else Joined(self.read, dict(self.places), by_news=not isinstance(told, CaughtUp | Heartbeat))
        )
        return Item(self._stream.cursor(self.places), told, joined)

    async def catch_up(self) -> AsyncIterator[Item[E]]:
        """All that was there when asked, out of the database where the ring does not reach, then out of the ring."""
        until = self._ring.arrived
        while self.read is None or self.read < until:
            if self.read is None or self.read < self._ring.oldest:
                async for item in self._from_database():
                    yield item
                self.read, floors = self._ring.oldest, self._ring.floors()
                self._ahead = {p: place for p, place in self.places.items() if place > floors[p]}
            for item in self._from_ring(self.read):
                yield item

    async def live(self) -> AsyncIterator[Item[E]]:
        """What comes."""
        while True:
            async for item in self.catch_up():
                yield item
            if self._is_silent():
                yield self.item(Heartbeat())
            if self.read == self._ring.arrived:
                await self._wait()

    def _from_ring(self, read: int) -> list[Item[E]]:
        items = []
        for self.read, entry in enumerate(self._ring.since(read), read + 1):  # noqa: B020 - each item says how far it is
            if entry.place >= self._ahead.get(entry.partition, entry.place):
                self._ahead.pop(entry.partition, None)
            if entry.place > self.places[entry.partition] and self._is_told(entry.event, entry.partition):
                items.append(self.item(entry.event))
        return items

    async def _from_database(self) -> AsyncIterator[Item[E]]:
        while not self._ring.holds_after(self.places):
            page = await self._page()
            for row in page.rows if page else ():
                event = self._source.event(row)
                if self._is_told(event, self._source.partition_of(event.camera_id)):
                    yield self.item(event)
            if self._is_silent():
                yield self.item(Heartbeat())
            if page is None or len(page.rows) < READ_AT_ONCE:
                if page and self._ring.begins_within(page.stored):
                    return
                await asyncio.sleep(_RETRY_S)  # the projector is behind the ring, or the database is away

    def _is_told(self, event: E, partition: int) -> bool:
        self.places[partition] = place_of(event.position)
        return self._reader.wants(event.camera_id)

    async def _page(self) -> Page | None:
        try:
            page = await self._database.run(
                page_after, self._source.sql, self._reader.camera_ids, self._behind, READ_AT_ONCE
            )
        except (ServiceUnavailableError, QueryTimeoutError):
            return None  # counted where it is raised
        BACKFILL_ROWS.labels(self._source.name).inc(len(page.rows))
        return page

    def _behind(self, camera_id: str) -> Place:
        return self.places[self._source.partition_of(camera_id)]

    async def _is_kept(self) -> bool:
        """Whether retention has not come as far as the reader: of each partition something told to it is still there."""
        kept = await self._ask(partial(cameras_kept, stream=self._source.sql, behind=self._behind))
        later, before = (
            {self._source.partition_of(camera_id) for camera_id, is_before in kept.items() if is_before is wanted}
            for wanted in (False, True)
        )
        return all(self.places[partition] == BEGINNING for partition in later - before)

    async def _newest(self) -> dict[int, Place]:
        """The newest place in each partition; the database knows those that no record in memory shows."""
        known = self._ring.newest()
        if None in known.values():
            for camera_id, place in (await self._ask(partial(newest_places, stream=self._source.sql))).items():
                partition = self._source.partition_of(camera_id)
                known[partition] = max(known[partition] or BEGINNING, place)
        return {partition: place or BEGINNING for partition, place in known.items()}

    async def _expired(self) -> CursorExpiredError:
        return CursorExpiredError(
            "What follows the cursor is not kept any more. Read what was missed by query, then subscribe after "
            "`latest`, or after `earliest` for all that is kept; both are in `extensions`.",
            earliest=EARLIEST,
            latest=self._stream.cursor(await self._newest()),
        )

    async def _ask(self, query: Callable[[Connection], T]) -> T:
        """The answer of the database, however long it is away."""
        while True:
            try:
                return await self._database.run(query)
            except ServiceUnavailableError:  # counted where it is raised
                await asyncio.sleep(_RETRY_S)

    def _is_silent(self) -> bool:
        return monotonic() - self._told_at >= self._reader.heartbeat_s

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._told_at + self._reader.heartbeat_s - monotonic())):
                await self._ring.wait()
        except TimeoutError:
            return
