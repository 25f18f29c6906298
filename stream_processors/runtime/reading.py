"""Reads bounded stretches of topics, beside the group that follows them. It never subscribes and never commits."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeAlias

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.settings import KafkaSettings
from stream_processors.runtime.messages import Message

_TIMEOUT_S = 15.0

Place: TypeAlias = tuple[str, int]  # topic, partition


class Reader:
    """A consumer of its own, to be closed. Blocking; every method may raise KafkaException or ConnectionError."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._consumer = Consumer(
            kafka.client()
            | {
                "group.id": group,  # to ask what it has committed
                "enable.auto.commit": "false",
                "enable.partition.eof": "true",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 2,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int | None]:
        """Where the group goes on; None where it has committed nothing."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        found = self._consumer.committed(asked, _TIMEOUT_S)
        return {each.partition: each.offset if each.offset >= 0 else None for each in found}

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset there is, and the next one to be written."""
        begin, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
        return begin, end

    def since(self, topic: str, appended_at: Mapping[int, int]) -> dict[int, int]:
        """In each partition the first offset appended at that time (UTC ms) or later; the end when there is none."""
        asked = [TopicPartition(topic, partition, time) for partition, time in appended_at.items()]
        found = self._consumer.offsets_for_times(asked, _TIMEOUT_S) if asked else []
        return {each.partition: each.offset if each.offset >= 0 else self._end(each) for each in found}

    def _end(self, place: TopicPartition) -> int:
        return self.bounds(place.topic, place.partition)[1]

    def read(self, stretches: Mapping[Place, tuple[int, int]]) -> Iterator[Message]:
        """The records from the first offset to before the second of each stretch, in order within a partition."""
        left = {place: end for place, (begin, end) in stretches.items() if begin < end}
        self._consumer.assign([TopicPartition(*place, stretches[place][0]) for place in left])
        while left:
            found = self._consumer.poll(_TIMEOUT_S)
            if found is None:
                raise ConnectionError(f"{len(left)} partitions could not be read to their ends")
            end = left.get(place := (found.topic(), found.partition()))
            if end is None:
                continue
            if _at_end(found) or found.offset() + 1 >= end:
                del left[place]
            if found.error() is None and found.offset() < end:
                yield message_of(found)
        self._consumer.unassign()


def _at_end(record: Any) -> bool:
    """Whether this says that a partition holds no more; compaction may have taken its last offsets."""
    error: KafkaError | None = record.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name for it
        return True
    raise ConnectionError(f"{record.topic()}/{record.partition()}: {error.str()}")


def message_of(record: Any) -> Message:
    """A record of confluent-kafka as one of ours."""
    return Message(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        appended_at=record.timestamp()[1],
        key=record.key(),
        value=record.value(),
        headers=record.headers() or [],
    )
