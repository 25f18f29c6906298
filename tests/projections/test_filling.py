"""Filling a read model from what a topic still holds, on the real broker, into the twin in memory."""

import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.local.stack import Stack
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.wire import Wire
from stream_processors.projections import filling
from stream_processors.projections.alignment import TopicRecreatedError
from stream_processors.projections.filling import Filler, Retained, reader, retained
from stream_processors.projections.memory import MemoryStore
from stream_processors.projections.projector import StoppedError
from tests.projections.samples import NOON, at, track_ended

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]


@pytest.fixture
def topic(kafka: KafkaSettings, stack: Stack) -> Iterator[str]:
    """A topic of its own with tracks 0 to 19 and, at offset 5, something unreadable."""
    name = f"filling-{uuid.uuid4().hex[:8]}"
    admin = AdminClient(kafka.client())
    admin.create_topics([NewTopic(name, 1, 1, config={"message.timestamp.type": "LogAppendTime"})])[name].result(20)
    wire, producer = Wire(HttpRegistry(stack.registry_url)), Producer(kafka.producer())
    for n in range(20):
        value = b"junk" if n == 5 else wire.encode(track_ended(track_no=n, started_at=NOON + n, position=at(n)))
        producer.produce(name, value, b"entrance", 0)
    assert producer.flush(20) == 0
    yield name
    admin.delete_topics([name])


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def filler(kafka: KafkaSettings, stack: Stack, store: MemoryStore) -> Iterator[Filler]:
    with closing(Filler(kafka, Wire(HttpRegistry(stack.registry_url)), store)) as made:
        yield made


def trim(kafka: KafkaSettings, topic: str, before: int) -> None:
    """What retention does."""
    admin, place = AdminClient(kafka.client()), TopicPartition(topic, 0, before)
    admin.delete_records([place])[place].result(20)


def stored(store: MemoryStore) -> list[int]:
    return [row["track_no"] for row in store.tables["tracks"]]


def test_a_partition_is_filled_up_to_an_offset_and_later_gone_on_with(
    topic: str, store: MemoryStore, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "BATCH_RECORDS", 3)
    filler.fill(topic, 0, 10)
    assert (stored(store), store.next_offset(topic, 0)) == ([0, 1, 2, 3, 4, 6, 7, 8, 9], 10)
    assert filler.aside.count == 1
    store.tables.clear()
    filler.fill(topic, 0, 20)
    assert (stored(store), store.next_offset(topic, 0)) == (list(range(10, 20)), 20)


def test_what_retention_took_is_passed(kafka: KafkaSettings, topic: str, store: MemoryStore, filler: Filler) -> None:
    trim(kafka, topic, 15)
    filler.fill(topic, 0, 20)
    assert stored(store) == list(range(15, 20))


def test_a_partition_of_which_nothing_is_left_is_passed_whole(
    kafka: KafkaSettings, topic: str, store: MemoryStore, filler: Filler
) -> None:
    trim(kafka, topic, 20)
    filler.fill(topic, 0, 20)
    assert (stored(store), store.next_offset(topic, 0)) == ([], 20)


def test_a_topic_that_ends_before_the_read_model_in_use_cannot_bring_it_back(topic: str, filler: Filler) -> None:
    with pytest.raises(TopicRecreatedError, match=rf"{topic}/0 ends at offset 20, but the database holds it up to 21"):
        filler.fill(topic, 0, 21)


def test_a_filling_that_is_to_end_keeps_what_it_has_written(
    kafka: KafkaSettings, stack: Stack, topic: str, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "BATCH_RECORDS", 4)
    wire = Wire(HttpRegistry(stack.registry_url))
    with closing(Filler(kafka, wire, store, lambda: True)) as filler, pytest.raises(StoppedError):
        filler.fill(topic, 0, 20)
    assert store.next_offset(topic, 0) == 4


def test_how_far_back_a_partition_reaches_is_known(kafka: KafkaSettings, topic: str) -> None:
    now = time.time_ns() // 1_000_000
    with closing(reader(kafka)) as consumer:
        assert retained(consumer, topic, 0) == Retained(0, 20, None)
        trim(kafka, topic, 15)
        first, end, since = retained(consumer, topic, 0)
        assert (first, end) == (15, 20)
        assert since is not None
        assert now - 60_000 < since <= now, "when the oldest was appended"
        trim(kafka, topic, 20)
        first, end, since = retained(consumer, topic, 0)
        assert (first, end) == (20, 20)
        assert since is not None
        assert since >= now, "all that was appended up to now is gone"
