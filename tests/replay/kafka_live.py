"""A live system on Kafka for the tests of the replay: logs of cameras, and all that the real shell makes of them."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.events import LogRecord
from schemas.registry import HttpRegistry
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.replay.broker import KafkaBroker
from stream_processors.replay.engine import Log
from stream_processors.replay.parts import PartFiles, Parts
from stream_processors.runtime.messages import Message, Outgoing
from stream_processors.runtime.reading import Reader
from tests.replay.live import LiveFold, signed
from tests.runtime.logs import VERIFIER


@dataclass
class KafkaLive:
    """Folds what it appends, and acknowledges it as a group of its own."""

    log: Log
    group: str = field(default_factory=lambda: f"test-{uuid4()}")
    ends: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broker = KafkaBroker(self.log.kafka)
        self.wire = Wire(HttpRegistry(self.log.registry_url))
        self._fold = LiveFold(CameraFold(self.wire, VERIFIER))
        self._producer = Producer(self.log.kafka.producer())

    def run(
        self, partition: int, records: Iterable[LogRecord], spoil: Callable[[Outgoing], Outgoing] = lambda each: each
    ) -> list[Message]:
        """Append records to a partition of the log and write what the shell says of them; gives the log as it stands."""
        _, start = self.broker.bounds(CAMERA_LOG, partition)
        for record in records:
            value, headers = signed(self.wire, record, time.time_ns() // 1_000_000)
            self._producer.produce(CAMERA_LOG, value, record.camera_id, partition=partition, headers=headers)
        assert self._producer.flush(30) == 0
        _, end = self.broker.bounds(CAMERA_LOG, partition)
        with Reader(self.log.kafka, self.group) as reader:
            appended = list(reader.read({(CAMERA_LOG, partition): (start, end)}))
        asyncio.run(self._publish(partition, appended, spoil))
        self.acknowledge(partition, end)
        return appended

    async def _publish(self, partition: int, log: Iterable[Message], spoil: Callable[[Outgoing], Outgoing]) -> None:
        for message in log:
            for output in map(spoil, await self._fold.outputs(message)):
                self._producer.produce(output.topic, output.value, output.key, partition=partition)
        assert self._producer.flush(30) == 0

    def acknowledge(self, partition: int, end: int) -> None:
        self.ends[partition] = end
        consumer = Consumer(self.log.kafka.client() | {"group.id": self.group})
        consumer.commit(offsets=[TopicPartition(CAMERA_LOG, partition, end)], asynchronous=False)
        consumer.close()


@dataclass(frozen=True)
class Killed:
    """The sinks of a replay whose process is killed, as by the machine, after so many checkpoints of a partition."""

    parts: Parts
    checkpoints: int

    def __call__(self, partition: int) -> PartFiles:
        return _KilledPartFiles(self.parts, partition, self.checkpoints)


class _KilledPartFiles(PartFiles):
    def __init__(self, parts: Parts, partition: int, checkpoints: int) -> None:
        super().__init__(parts.folder / f"partition-{partition}", parts.source)
        self._left = checkpoints

    def checkpoint(self, mark: bytes) -> None:
        super().checkpoint(mark)
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
