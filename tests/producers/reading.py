"""Reads a topic to its end."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

Record = tuple[bytes, bytes, dict[str, bytes]]
PARTITIONS = 4


def consumed(bootstrap: str, topic: str) -> list[Record]:
    """All of a topic; each partition in its order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    records: list[Record] = []
    ends: set[int] = set()
    while len(ends) < PARTITIONS:
        message = consumer.poll(15)
        assert message is not None, "no record and no end within 15 s"
        if message.error() is None:
            records.append((message.key(), message.value(), dict(message.headers() or [])))
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ends.add(message.partition())
    consumer.close()
    return records
