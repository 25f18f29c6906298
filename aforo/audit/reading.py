"""Reads topics of a broker from their beginning to a given end. It must not know what the records say."""

from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from schemas.settings import KafkaSettings
from stream_processors.runtime.messages import Message as Source

_POLL_S = 10.0


def records(kafka: KafkaSettings, ends: Mapping[tuple[str, int], int]) -> Iterator[Source]:
    """Every record below the given ends (by topic and partition), partition by partition in order.

    Raises:
        ConnectionError: a partition could not be read to its end.
    """
    consumer = Consumer(kafka.client() | {"group.id": "aforo-audit", "enable.auto.commit": False})
    try:
        for (topic, partition), end in sorted(ends.items()):
            yield from _partition(consumer, topic, partition, end)
    finally:
        consumer.close()


def _partition(consumer: Consumer, topic: str, partition: int, end: int) -> Iterator[Source]:
    position, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_POLL_S)
    consumer.assign([TopicPartition(topic, partition, position)])
    while position < end:
        message = consumer.poll(_POLL_S)
        if message is None or message.error():
            raise ConnectionError(f"{topic}/{partition} could not be read to its end at {end}; is the broker up?")
        position = message.offset() + 1
        yield _source(message)


def _source(message: Message) -> Source:
    return Source(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        appended_at=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
    )
