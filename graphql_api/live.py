"""What is happening now, held in memory by the event loop: the newest frame of each camera, and the newest visits.

Frames are a state: a reader gets the newest and misses those in between. Visits are events: a reader is a position in a
shared ring and misses none, or is told. Nothing here knows Kafka clients or GraphQL.
"""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import islice
from weakref import WeakValueDictionary

from graphql_api.errors import CursorExpiredError, CursorInvalidError
from graphql_api.pagination import decode_cursor, encode_cursor
from graphql_api.wakeup import Wakeup
from schemas.events import LineCrossed, Position, TracksObserved, ZoneEntered, ZoneExited
from schemas.topics import ZONE_VISITS, topics

VisitEvent = ZoneEntered | ZoneExited | LineCrossed
_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """The tracks of one frame and how long the detector worked on it (None: not said)."""

    tracks: TracksObserved
    detector_ms: float | None


class Frames:
    """The newest frame of each camera."""

    def __init__(self) -> None:
        self._newest: dict[str, Frame] = {}
        self._wakeups: WeakValueDictionary[str, Wakeup] = WeakValueDictionary()

    def put(self, frame: Frame) -> None:
        """Make `frame` its camera's newest, unless it was seen before, and wake who waits for it."""
        camera_id = frame.tracks.camera_id
        known = self._newest.get(camera_id)
        if known and frame.tracks.position <= known.tracks.position:
            return
        self._newest[camera_id] = frame
        if wakeup := self._wakeups.get(camera_id):
            wakeup.notify()

    def newest(self) -> Mapping[str, Frame]:
        """The newest frame of each camera seen since the process started."""
        return self._newest

    async def after(self, camera_id: str, seen: Frame | None) -> Frame:
        """The newest frame of a camera, as soon as it is another than `seen`."""
        wakeup = self._wakeups.setdefault(camera_id, Wakeup())
        while (frame := self._newest.get(camera_id)) is None or frame is seen:
            await wakeup.wait()
        return frame


@dataclass(frozen=True, slots=True)
class RingEntry:
    """An event and where it stands in its topic."""

    partition: int
    offset: int
    event: VisitEvent


class VisitRing:
    """The newest records of the topic zone-visits, in the order they arrived.

    A cursor is the offset to read next in every partition, so it outlives this process and fits any other.
    """

    def __init__(self, size: int) -> None:
        self._entries: deque[RingEntry] = deque()
        self._size = size
        self._arrived = 0
        self._floor: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._highest: dict[str, Position] = {}
        self._wakeup = Wakeup()

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Say where in each partition the ring begins; before this, readers wait."""
        self._floor, self._next = dict(offsets), dict(offsets)
        self._wakeup.notify()

    def put(self, entry: RingEntry) -> None:
        """Append the newest record, at the cost of the oldest; one that a crash had repeated is left out."""
        self._next[entry.partition] = entry.offset + 1
        if not self._is_new(entry.event):
            return
        if len(self._entries) == self._size:
            oldest = self._entries.popleft()
            self._floor[oldest.partition] = oldest.offset + 1
        self._entries.append(entry)
        self._arrived += 1
        self._wakeup.notify()

    async def follow(self, after: str | None) -> AsyncIterator[tuple[str, VisitEvent]]:
        """Every record after the cursor (None: from now on) with the cursor that follows it, without end.

        Raises:
            CursorInvalidError: the cursor is not one of this stream.
            CursorExpiredError: the ring no longer holds what follows it, or the reader fell that far behind.
        """
        positions = _positions(after)
        while not self._next:
            await self._wakeup.wait()
        read = self._arrived if positions is None else self._resume(positions)
        positions = dict(self._next if positions is None else positions)
        while True:
            for entry in self._since(read):
                read += 1
                if entry.offset >= positions[entry.partition]:
                    positions[entry.partition] = entry.offset + 1
                    yield _cursor(positions), entry.event
            if read == self._arrived:
                await self._wakeup.wait()

    def _is_new(self, event: VisitEvent) -> bool:
        highest = self._highest.get(event.camera_id)
        if highest and event.position <= highest:
            return False
        self._highest[event.camera_id] = event.position
        return True

    def _resume(self, positions: Mapping[int, int]) -> int:
        if positions.keys() != self._next.keys():
            raise CursorInvalidError("The cursor belongs to a topic with other partitions. Subscribe without `after`.")
        if any(positions[partition] < floor for partition, floor in self._floor.items()):
            raise _expired()
        return self._arrived - len(self._entries)

    def _since(self, read: int) -> list[RingEntry]:
        behind = self._arrived - read
        if behind > len(self._entries):
            raise _expired()
        start = len(self._entries) - behind
        return list(islice(self._entries, start, start + _READ_AT_ONCE))


class Live:
    """All that is live in one API process; `connected` says whether the topics are being followed."""

    def __init__(self, visit_ring_size: int) -> None:
        self.frames = Frames()
        self.visits = VisitRing(visit_ring_size)
        self.connected = False


def _cursor(positions: Mapping[int, int]) -> str:
    return encode_cursor([ZONE_VISITS, topics()[ZONE_VISITS].epoch, sorted(positions.items())])


def _positions(cursor: str | None) -> dict[int, int] | None:
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(topic), int(epoch), list(pairs)] if topic == ZONE_VISITS:
            if epoch != topics()[ZONE_VISITS].epoch:
                raise _expired()
            if all(isinstance(pair, list) and [type(n) for n in pair] == [int, int] for pair in pairs):
                return dict(pairs)
    raise CursorInvalidError("The cursor is not one of this stream. Subscribe without `after`.")


def _expired() -> CursorExpiredError:
    return CursorExpiredError(
        "The stream no longer holds what follows the cursor. Read what was missed with the query zoneVisits, "
        "then subscribe without `after`."
    )
