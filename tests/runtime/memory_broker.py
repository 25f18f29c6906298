"""A broker in memory for tests of recovery: topics of one partition, what a group has committed, and a worker on them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from schemas.topics import CAMERA_LOG, CAMERAS_CHANGELOG
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.runtime import changelog
from stream_processors.runtime.messages import Headers, Message
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.recovery import Recovery, Restored, Stretches


class MemoryBroker:
    """What `recovery.Log` asks for, over lists."""

    def __init__(self) -> None:
        self.topics: defaultdict[str, list[Message]] = defaultdict(list)
        self.begins: defaultdict[str, int] = defaultdict(int)
        self.group: int | None = None
        self.read_from: list[tuple[str, int]] = []

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, at: int, headers: Headers | None = None
    ) -> None:
        self.topics[topic].append(Message(topic, 0, len(self.topics[topic]), at, key, value, headers or []))

    def drop_below(self, topic: str, offset: int) -> None:
        """What retention does."""
        self.begins[topic] = offset

    def committed(self, _topic: str, partitions: Iterable[int]) -> dict[int, int | None]:
        return dict.fromkeys(partitions, self.group)

    def bounds(self, topic: str, _partition: int) -> tuple[int, int]:
        return self.begins[topic], len(self.topics[topic])

    def since(self, topic: str, appended_at: Mapping[int, int]) -> dict[int, int]:
        return {partition: self._since(topic, time) for partition, time in appended_at.items()}

    def _since(self, topic: str, appended_at: int) -> int:
        later = (each.offset for each in self.topics[topic] if each.appended_at >= appended_at)
        return max(self.begins[topic], next(later, len(self.topics[topic])))

    def read(self, stretches: Stretches) -> Iterator[Message]:
        for (topic, _), (begin, end) in stretches.items():
            assert begin >= self.begins[topic], "a real consumer would jump"
            self.read_from.append((topic, begin))
            yield from self.topics[topic][begin:end]


class Worker:
    """Folds the log of a broker as the agent does, with checkpoints where a test wants them."""

    def __init__(self, broker: MemoryBroker, fold: CameraFold) -> None:
        self.broker = broker
        self.fold = fold
        self.states: dict[bytes, Guarded] = {}
        self.reached: dict[bytes, int] = {}
        self.next_offset = 0

    def fold_to(self, end: int) -> None:
        """Fold the log up to an offset, and publish."""
        asyncio.run(self._fold_to(end))
        self.next_offset = end

    async def _fold_to(self, end: int) -> None:
        for message in self.broker.topics[CAMERA_LOG][self.next_offset : end]:
            key = self.fold.key(message)
            before = self.states.get(key) or self.fold.new(key)
            self.states[key], outputs = await self.fold.apply(before, message)
            self.reached[key] = message.offset + 1
            for output in outputs:
                self.broker.append(output.topic, output.key, output.value, message.appended_at, output.headers)

    def snapshot(self, key: bytes) -> bytes:
        """The camera's state as the changelog keeps it."""
        return changelog.encode(0, self.reached[key], self.fold.dump(self.states[key], 0, self.reached[key]))

    def marker(self) -> bytes:
        return changelog.encode_marker(0, self.next_offset, dict(self.reached))

    def checkpoint(self) -> None:
        """Snapshots, marker, commit."""
        for key in self.states:
            self.broker.append(CAMERAS_CHANGELOG, key, self.snapshot(key), 0)
        self.broker.append(CAMERAS_CHANGELOG, changelog.MARKER_KEY, self.marker(), 0)
        self.broker.group = self.next_offset

    def state_bytes(self, key: bytes) -> bytes:
        return self.fold.dump(self.states[key], 0, self.reached[key])


def recover(broker: MemoryBroker, fold: CameraFold) -> Restored[Guarded]:
    """What a worker that is given the partition begins with."""
    return Recovery(broker, fold, CAMERA_LOG, CAMERAS_CHANGELOG, Partitioning())([0])[0]


def compact(broker: MemoryBroker, topic: str) -> None:
    """Keep the last record of each key, as the broker does in the background."""
    last = {each.key: each for each in broker.topics[topic]}
    kept = sorted(last.values(), key=lambda each: each.offset)
    broker.topics[topic] = [replace(each, offset=offset) for offset, each in enumerate(kept)]
