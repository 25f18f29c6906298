"""Dead letters on the session's broker, as the processes write them."""

from confluent_kafka import Producer

from schemas.settings import KafkaSettings
from stream_processors.runtime.dead_letters import dead_letter
from stream_processors.runtime.messages import Message


def set_aside(kafka: KafkaSettings, message: Message, reason: str, detail: str = "for a test") -> str:
    """Write the letter of a record; returns its place."""
    letter = dead_letter("a-test", message, reason, detail)
    places: list[str] = []
    producer = Producer(kafka.producer())
    producer.produce(
        letter.topic,
        key=letter.key,
        value=letter.value,
        headers=letter.headers,
        partition=message.partition,
        on_delivery=lambda error, told: places.append(f"{told.partition()}/{told.offset()}" if error is None else ""),
    )
    assert producer.flush(30) == 0
    return places[0]


def record(topic: str, camera_id: str, value: bytes, *, partition: int = 1, offset: int = 7) -> Message:
    return Message(topic, partition, offset, 1_700_000_000_000, camera_id.encode(), value, [])
