"""What every camera log promises, checked on the one in memory and on Kafka."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from producers.memory import MemoryCameraLog
from producers.publisher import CameraLog, KafkaCameraLog, LogEntry, LogUnavailableError
from schemas.events import CameraStatusChanged, FrameObserved
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.wire import Wire

Record = tuple[bytes, bytes, dict[str, bytes]]
PARTITIONS = 4


def frame(camera_id: str, seq: int) -> FrameObserved:
    return FrameObserved(
        camera_id=camera_id, session="s", seq=seq, observed_at=seq, width=1, height=1, boxes=b"", scores=b""
    )


def status(camera_id: str) -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=camera_id, changed_at=1, status="STOPPED", reason="SHUTDOWN")


def kafka_at(bootstrap: str) -> KafkaSettings:
    return KafkaSettings.model_validate({"bootstrap": bootstrap})


def in_memory(wire: Wire) -> tuple[CameraLog, Callable[[], list[Record]]]:
    log = MemoryCameraLog(wire)
    return log, lambda: log.records


def on_kafka(wire: Wire, bootstrap: str) -> tuple[CameraLog, Callable[[], list[Record]]]:
    topic = f"camera-log-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        created.result(15)
    return KafkaCameraLog(kafka_at(bootstrap), wire, topic=topic), lambda: consumed(bootstrap, topic)


def consumed(bootstrap: str, topic: str) -> list[Record]:
    """All of a topic."""
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


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def opened(request: pytest.FixtureRequest, wire: Wire) -> Iterator[tuple[CameraLog, Callable[[], list[Record]]]]:
    if request.param == "memory":
        log, records = in_memory(wire)
    else:
        log, records = on_kafka(wire, request.getfixturevalue("stack").bootstrap)
    yield log, records
    log.close()


def test_a_cameras_records_keep_their_order(opened: Any, wire: Wire) -> None:
    log, records = opened
    sent: dict[str, list[LogEntry]] = {"a": [], "b": [], "c": []}
    for seq in range(100):
        for camera_id, entries in sent.items():
            entries.append(frame(camera_id, seq))
            log.append(entries[-1])
    for camera_id, entries in sent.items():
        entries.append(status(camera_id))
        log.append(entries[-1])
    assert log.flush(30) == 0
    written = records()
    for camera_id, entries in sent.items():
        assert [wire.decode(value) for key, value, _ in written if key == camera_id.encode()] == entries


def test_headers_travel_with_their_record(opened: Any) -> None:
    log, records = opened
    log.append(frame("a", 0), {"detector-ms": "12.500"})
    log.append(frame("a", 1))
    assert log.flush(30) == 0
    assert [headers for _, _, headers in records()] == [{"detector-ms": b"12.500"}, {}]


def test_an_empty_log_has_nothing_to_flush(opened: Any) -> None:
    log, records = opened
    assert log.flush(5) == 0
    assert records() == []


@pytest.fixture
def unreachable(wire: Wire, closed_port: int) -> Iterator[KafkaCameraLog]:
    log = KafkaCameraLog(kafka_at(f"127.0.0.1:{closed_port}"), wire, queue_bytes=32 * 1024)
    yield log
    log.close()


def fill(log: CameraLog) -> int:
    """Append until the log takes no more; how many it took."""
    for seq in range(10_000):
        try:
            log.append(frame("a", seq))
        except LogUnavailableError:
            return seq
    raise AssertionError("the log has no bound")


def test_a_broker_that_is_away_fills_a_bounded_queue_and_then_nothing_is_taken(unreachable: KafkaCameraLog) -> None:
    taken = fill(unreachable)
    assert taken > 0
    with pytest.raises(LogUnavailableError, match="queue to the broker is full"):
        unreachable.append(frame("a", taken))
    assert unreachable.flush(0) == taken


def test_a_full_log_in_memory_says_so(wire: Wire) -> None:
    log = MemoryCameraLog(wire, capacity=3)
    assert fill(log) == 3


class AwayRegistry(MemoryRegistry):
    def register(self, subject: str, schema: str) -> int:  # noqa: ARG002 - nobody is there to read them
        raise RegistryUnavailableError("schema registry: connection refused")


def test_a_registry_that_is_away_is_an_unavailable_log_not_a_lost_record(closed_port: int) -> None:
    log = KafkaCameraLog(kafka_at(f"127.0.0.1:{closed_port}"), Wire(AwayRegistry()))
    with pytest.raises(LogUnavailableError, match="registry"):
        log.append(frame("a", 0))
    assert log.flush(0) == 0
    log.close()
