"""Fills a read model from what the topics still hold, one partition at a time and up to a given offset, outside any group.

It must not know what the read model is for, nor who else fills it.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.settings import KafkaSettings
from schemas.wire import Wire
from stream_processors.projections.alignment import TopicRecreatedError
from stream_processors.projections.projector import Projector, SourceRecord, StoppedError
from stream_processors.projections.store import ProjectionStore

BATCH_RECORDS = 5_000
_TIMEOUT_S = 15.0


class Retained(NamedTuple):
    """What a partition still holds: its offsets [first, end).

    `since` is when the first of them was appended, UTC ms; None when nothing was ever removed.
    """

    first: int
    end: int
    since: int | None


class Noted:
    """Dead letters of a second reading: they are where the first one put them, so they are counted only."""

    def __init__(self) -> None:
        self.count = 0

    def set_aside(self, _record: SourceRecord, _reason: str, _detail: str) -> None:
        """Count it; the projector has logged it."""
        self.count += 1


def reader(kafka: KafkaSettings) -> Consumer:
    """A consumer that is in no group: it is told what to read."""
    return Consumer(kafka.client() | {"group.id": "aforo-rebuild", "enable.auto.commit": False})


def retained(consumer: Consumer, topic: str, partition: int) -> Retained:
    """What this partition still holds.

    Raises:
        KafkaException: the broker is away.
    """
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
    if first == 0:
        return Retained(first, end, None)
    if first == end:
        return Retained(first, end, time.time_ns() // 1_000_000)
    consumer.assign([TopicPartition(topic, partition, first)])
    (oldest,) = _messages(consumer, 1, f"{topic}/{partition}")
    return Retained(first, end, oldest.timestamp()[1])


class Filler:
    """Fills a store with partitions of topics; for one thread."""

    def __init__(
        self, kafka: KafkaSettings, wire: Wire, store: ProjectionStore, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self.aside = Noted()
        self._stopped = stopped
        self._store = store
        self._consumer = reader(kafka)
        self._projector = Projector(store, wire, self.aside, self._first_offset, self._wait)

    def fill(self, topic: str, partition: int, end: int) -> None:
        """Project what the partition still holds, from where the store is up to the offset `end`.

        Raises:
            TopicRecreatedError: the partition ends before that.
            ConnectionError, KafkaException: the broker does not answer; do it again to go on.
            StoppedError: it is to end.
        """
        held = retained(self._consumer, topic, partition)
        if end > held.end:
            raise TopicRecreatedError(
                f"{topic}/{partition} ends at offset {held.end}, but the database holds it up to {end}: "
                "the topic was made anew, and cannot bring back what the old one held. Restore the topic."
            )
        position = max(self._store.next_offset(topic, partition), held.first)
        self._consumer.assign([TopicPartition(topic, partition, position)])
        while position < end:
            messages = _messages(self._consumer, min(BATCH_RECORDS, end - position), f"{topic}/{partition}")
            self._projector.project([_record(message) for message in messages if message.offset() < end])
            position = messages[-1].offset() + 1
            if self._stopped():
                raise StoppedError("the filling ends here; it can be gone on with")
        self._pass_removed(topic, partition, end)

    def close(self) -> None:
        """Let the broker and the database go."""
        self._consumer.close()
        self._store.close()

    def _pass_removed(self, topic: str, partition: int, end: int) -> None:
        """Where retention took all that was left, there is nothing to write but the offset."""
        reached = self._store.next_offset(topic, partition)
        if reached < end:
            self._store.write(topic, partition, reached, end, [])

    def _first_offset(self, topic: str, partition: int) -> int:
        first, _ = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
        return int(first)

    def _wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return self._stopped()


def _messages(consumer: Consumer, count: int, place: str) -> list[Message]:
    messages: list[Message] = consumer.consume(count, _TIMEOUT_S)
    if not messages:
        raise ConnectionError(f"{place} could not be read to its end; is the broker up?")
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
    return messages


def _record(message: Message) -> SourceRecord:
    return SourceRecord(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        appended_at=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
    )
