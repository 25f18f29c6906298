"""A live system for the tests of the replay: a log that the real shell folds, and the topics it writes, in memory."""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.events import CameraSilent, Command, Event, FrameObserved
from schemas.topics import CAMERA_LOG, CAMERA_SNAPSHOTS
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.replay.exporting import Stored
from stream_processors.replay.streams import Topics
from stream_processors.runtime.messages import Headers, Message, Outgoing
from stream_processors.runtime.partitioning import Partitioning
from tests.runtime.logs import SIGNER, VERIFIER, make_wire

WHOLE = Partitioning()


class MemoryBroker:
    """Topics in memory, from what retention has left of them."""

    def __init__(self) -> None:
        self.messages: defaultdict[tuple[str, int], list[Stored]] = defaultdict(list)
        self.low: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.reads: list[tuple[str, int, int]] = []

    def append(self, topic: str, partition: int, appended_at: int, key: bytes | None, value: bytes | None) -> Stored:
        messages = self.messages[topic, partition]
        messages.append(Stored(partition, len(messages), appended_at, key, value))
        return messages[-1]

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return self.low[topic, partition], len(self.messages[topic, partition])

    def since(self, topic: str, partition: int, appended_at: int) -> int:
        found = bisect_left(self.messages[topic, partition], appended_at, key=lambda each: each.appended_at)
        return max(found, self.low[topic, partition])

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Stored]:
        assert start >= self.low[topic, partition], "retention has taken it"
        self.reads.append((topic, start, stop))
        return iter(self.messages[topic, partition][start:stop])


def signed(wire: Wire, event: Event, appended_at: int) -> tuple[bytes, Headers]:
    """A record as it is written into the log; commands and what the watchdog says with their signature."""
    value = wire.encode(event)
    if not isinstance(event, Command | CameraSilent):
        return value, []
    return value, SIGNER.headers(event.camera_id, value, appended_at + 60_000)


@dataclass
class LiveFold:
    """Folds messages as the cameras app does, camera by camera."""

    fold: CameraFold
    states: dict[bytes, Guarded] = field(default_factory=dict)

    async def outputs(self, message: Message) -> list[Outgoing]:
        key = self.fold.key(message)
        state = self.states[key] if key in self.states else self.fold.new(key)
        self.states[key], outputs = await self.fold.apply(state, message)
        return outputs


class Live:
    """One partition of a live system in memory; each record is folded as soon as it is appended."""

    def __init__(self, partition: int = 0, partitioning: Partitioning = WHOLE) -> None:
        self.broker, self.wire, self.partition = MemoryBroker(), make_wire(), partition
        self.topics = Topics(self.broker, self.wire, partition, partitioning)
        self._fold = LiveFold(CameraFold(self.wire, VERIFIER, partitioning))
        self._now = 0

    def bring(self, other: "Live") -> None:
        """Take over the cameras of a partition that was theirs before partitions were added."""
        for key, state in other._fold.states.items():
            self._fold.states[key] = state
            snapshot = self._fold.fold.snapshot(state, self.partition, self.end)
            self.broker.append(CAMERA_SNAPSHOTS, self.partition, other._now, key, snapshot)

    @property
    def end(self) -> int:
        return self.broker.bounds(CAMERA_LOG, self.partition)[1]

    def run(self, records: Iterable[Event | bytes], *, key: bytes = b"c1", late_ms: int = 50) -> None:
        """Append records in order, each `late_ms` after it was observed, and fold them; bytes under a key of their own."""
        asyncio.run(self._run(records, key, late_ms))

    async def _run(self, records: Iterable[Event | bytes], key: bytes, late_ms: int) -> None:
        for record in records:
            if isinstance(record, FrameObserved):
                self._now = max(self._now, record.observed_at + late_ms)
            value, headers = (record, []) if isinstance(record, bytes) else signed(self.wire, record, self._now)
            mine = key if isinstance(record, bytes) else record.camera_id.encode()
            at = self.broker.append(CAMERA_LOG, self.partition, self._now, mine, value)
            message = Message(CAMERA_LOG, self.partition, at.offset, self._now, mine, value, headers)
            for output in await self._fold.outputs(message):
                self.broker.append(output.topic, self.partition, self._now, output.key, output.value)
