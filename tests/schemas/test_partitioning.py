"""A camera's records land in one partition whoever writes them: librdkafka with our settings, aiokafka, and Java alike."""

import random

from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import KafkaError, Message, Producer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import KafkaSettings

# librdkafka's broker within the process; it gives a new topic 4 partitions.
MOCK_BROKER = {"test.mock.num.brokers": 1}
PARTITIONS = list(range(4))


def placed_by_librdkafka(keys: list[bytes]) -> dict[bytes, int]:
    ours = {name: value for name, value in KafkaSettings().producer().items() if name != "bootstrap.servers"}
    producer = Producer(ours | MOCK_BROKER)
    placed: dict[bytes, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        placed[message.key()] = message.partition()

    for key in keys:
        producer.produce("placement", b"value", key, on_delivery=delivered)
    assert producer.flush(20) == 0
    return placed


@given(seed=st.integers(0))
@settings(max_examples=3)
def test_every_key_lands_where_aiokafka_would_put_it(seed: int) -> None:
    chosen = random.Random(seed)
    keys = [chosen.randbytes(chosen.randint(1, 40)) for _ in range(500)]
    aiokafka = DefaultPartitioner()
    assert placed_by_librdkafka(keys) == {key: aiokafka(key, PARTITIONS, PARTITIONS) for key in keys}
