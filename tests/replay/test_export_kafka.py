"""`aforo export log` on a real broker: up to where the live fold has acknowledged, and no further."""

from pathlib import Path
from uuid import uuid4

import click
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from aforo import export
from aforo.settings import Settings, load
from infra.local.stack import Stack
from schemas.events import Event, Position, RecordRefused
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings, RegistrySettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG
from schemas.wire import Wire
from stream_processors.replay.lines import Logged
from stream_processors.replay.reading import read
from tests.runtime.logs import frame

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

PARTITION = 3


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> str:
    """A group of the test's own in place of the live fold's."""
    name = f"test-{uuid4()}"
    monkeypatch.setattr(export, "FOLD_GROUP", name)
    return name


@pytest.fixture
def settings(stack: Stack, kafka: KafkaSettings) -> Settings:
    return load().model_copy(update={"kafka": kafka, "registry": RegistrySettings(url=stack.registry_url)})


def sent(kafka: KafkaSettings, topic: str, camera_id: str, values: list[bytes]) -> list[int]:
    """The offsets at which the broker stored the values."""
    offsets: list[int] = []
    producer = Producer(kafka.client())
    for value in values:
        producer.produce(
            topic,
            value,
            camera_id,
            partition=PARTITION,
            on_delivery=lambda _, message: offsets.append(message.offset()),
        )
    assert producer.flush(30) == 0
    return offsets


def acknowledge(kafka: KafkaSettings, group: str, next_offset: int) -> None:
    consumer = Consumer(kafka.client() | {"group.id": group})
    consumer.commit(offsets=[TopicPartition(CAMERA_LOG, PARTITION, next_offset)], asynchronous=False)
    consumer.close()


def test_what_is_acknowledged_is_exported_with_its_place_and_its_refusals(
    settings: Settings, kafka: KafkaSettings, group: str, tmp_path: Path
) -> None:
    camera_id, wire = f"export-{uuid4()}", Wire(HttpRegistry(settings.registry.url))
    frames: list[Event] = [frame(seq, camera_id=camera_id) for seq in range(3)]
    offsets = sent(
        kafka, CAMERA_LOG, camera_id, [wire.encode(frames[0]), b"bytes of nobody", *map(wire.encode, frames[1:])]
    )
    place = Position(epoch=0, partition=PARTITION, offset=offsets[1], index=0)
    refused = RecordRefused(camera_id=camera_id, position=place, reason="UNDECODABLE")
    sent(kafka, CAMERA_EVENTS, camera_id, [wire.encode(refused)])
    acknowledge(kafka, group, offsets[-1])
    path = tmp_path / "log.ndjson"
    assert export.run(settings, path, frozenset({camera_id})) == {"FrameObserved": 2, "RecordRefused": 1}
    with path.open("rb") as file:
        found = [each for each in read(file) if isinstance(each, Logged)]
    assert [each.record for each in found] == [frames[0], refused, frames[1]]
    assert [each.position.offset for each in found if each.position] == offsets[:3]
    assert [each.appended_at is not None for each in found] == [True, False, True]


@pytest.mark.usefixtures("group")
def test_a_log_that_nobody_has_folded_is_not_exported(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="nothing has been folded yet"):
        export.run(settings, tmp_path / "log.ndjson", frozenset())
    assert list(tmp_path.iterdir()) == []
