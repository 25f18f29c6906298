"""The newest records of one topic, in the order they arrived, shared by all readers of this process.

A reader is a position and not a queue: it asks for what arrived after a number, and is told when that is no longer here.
Nothing here knows Kafka clients, SQL or GraphQL, and it belongs to one event loop.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from graphql_api.cursors import BEGINNING, Place, place_of
from graphql_api.wakeup import Wakeup
from schemas.events import Derived

E = TypeVar("E", bound=Derived)
READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RingEntry(Generic[E]):
    """An event and where it stands in its topic."""

    partition: int
    offset: int
    event: E
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", place_of(self.event.position))


@dataclass(slots=True)
class _Part:
    """What the ring holds of a partition: all that follows `floor`, which is the record before offset `floor_offset`."""

    floor_offset: int
    ready_at: int
    next_offset: int
    floor: Place | None  # None: that record was never seen
    newest: Place | None = None

    @property
    def is_ready(self) -> bool:
        return self.next_offset >= self.ready_at


class Ring(Generic[E]):
    """Records of a topic that arrived last, at most `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: deque[RingEntry[E]] = deque()
        self._parts: dict[int, _Part] = {}
        self._wakeup = Wakeup()
        self.arrived = 0

    def begin(self, bounds: Mapping[int, tuple[int, int]]) -> None:
        """Say for each partition from which offset on records will come, and where it ended then."""
        for partition, (start, end) in bounds.items():
            self._parts[partition] = _Part(start, end, start, floor=None if start else BEGINNING)
        self._wakeup.notify()

    def put(self, entry: RingEntry[E]) -> None:
        """Append a record, at the cost of the oldest; one that a crash had repeated is left out."""
        part = self._parts[entry.partition]
        part.next_offset = entry.offset + 1
        if part.newest is None or entry.place > part.newest:
            part.floor = part.floor or (entry.place[0], entry.place[1] - 1)
            part.newest = entry.place
            self._append(entry)
        self._wakeup.notify()

    def passed(self, partition: int, offset: int) -> None:
        """Note a record of the topic that is not told to readers."""
        self._parts[partition].next_offset = offset + 1
        self._wakeup.notify()

    async def until_ready(self) -> None:
        """Return when all is here that was in the topic when the ring began."""
        while not self._parts or not all(part.is_ready for part in self._parts.values()):
            await self._wakeup.wait()

    @property
    def partitions(self) -> int:
        """How many partitions the topic has; known once the ring has begun."""
        return len(self._parts)

    def newest(self) -> dict[int, Place | None]:
        """The last place told in each partition; None where there is none, but may have been one."""
        return {
            partition: part.newest or (None if part.next_offset else BEGINNING)
            for partition, part in self._parts.items()
        }

    def holds_after(self, places: Mapping[int, Place]) -> bool:
        """Whether everything that follows `places` is here."""
        return all(
            part.floor is not None and places[partition] >= part.floor for partition, part in self._parts.items()
        )

    def begins_within(self, stored: Mapping[int, int]) -> bool:
        """Whether nothing lies between the records below the offsets `stored` and those here."""
        return all(stored.get(partition, 0) >= part.floor_offset for partition, part in self._parts.items())

    def floors(self) -> dict[int, Place]:
        """The place in each partition behind which the oldest records here lie; BEGINNING where none was seen."""
        return {partition: part.floor or BEGINNING for partition, part in self._parts.items()}

    @property
    def oldest(self) -> int:
        """How many had arrived before the oldest that is here."""
        return self.arrived - len(self._entries)

    def since(self, read: int) -> list[RingEntry[E]]:
        """What arrived after the first `read`, some at once; nothing lies in between, if `read` is not before the oldest."""
        start = read - self.oldest
        return list(islice(self._entries, start, start + READ_AT_ONCE))

    async def wait(self) -> None:
        """Return at the next arrival."""
        await self._wakeup.wait()

    def _append(self, entry: RingEntry[E]) -> None:
        if len(self._entries) == self._size:
            oldest = self._entries.popleft()
            part = self._parts[oldest.partition]
            part.floor, part.floor_offset = oldest.place, oldest.offset + 1
        self._entries.append(entry)
        self.arrived += 1
