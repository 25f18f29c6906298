"""What every camera log promises, checked on the one in memory and on the spooled one before a real broker."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from producers.clock import SystemClock
from producers.memory import MemoryCameraLog, MemorySender
from producers.publisher import CameraLog, LogClosedError, LogEntry, SpooledCameraLog
from producers.sender import KafkaSender, Sender
from producers.settings import SpoolSettings
from schemas.events import CameraStatusChanged, FrameObserved, FramesDropped
from schemas.settings import KafkaSettings
from schemas.wire import Wire
from tests.producers.messages import message
from tests.producers.reading import PARTITIONS, Record, consumed

NOW = time.time_ns() // 1_000_000
Opened = tuple[CameraLog, Callable[[], list[Record]]]


def frame(camera_id: str, seq: int, *, size: int = 0) -> FrameObserved:
    return FrameObserved(
        camera_id=camera_id,
        session="s",
        seq=seq,
        observed_at=NOW + seq,
        width=1,
        height=1,
        boxes=random.Random(seq).randbytes(size),  # which no compression makes smaller
        scores=b"",
    )


def status(camera_id: str) -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=camera_id, changed_at=1, status="STOPPED", reason="SHUTDOWN")


def spooled(wire: Wire, sender: Sender, folder: Path) -> SpooledCameraLog:
    clock = SystemClock(threading.Event())
    return SpooledCameraLog(wire, sender, folder / "spool.db", SpoolSettings(), clock)


def kafka_at(bootstrap: str) -> KafkaSettings:
    return KafkaSettings.model_validate({"bootstrap": bootstrap})


def new_topic(bootstrap: str, **config: str) -> str:
    topic = f"camera-log-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=config)]).values():
        created.result(15)
    return topic


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def opened(request: pytest.FixtureRequest, wire: Wire, tmp_path: Path) -> Iterator[Opened]:
    if request.param == "memory":
        memory = MemoryCameraLog(wire)
        yield memory, lambda: memory.records
        return
    bootstrap = request.getfixturevalue("stack").bootstrap
    topic = new_topic(bootstrap)
    log = spooled(wire, KafkaSender(kafka_at(bootstrap), topic=topic), tmp_path)
    yield log, lambda: consumed(bootstrap, topic)
    log.close()


def test_a_cameras_records_keep_their_order(opened: Opened, wire: Wire) -> None:
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


def test_headers_travel_with_their_record(opened: Opened) -> None:
    log, records = opened
    log.append(frame("a", 0), {"detector-ms": "12.500"})
    log.append(frame("a", 1))
    assert log.flush(30) == 0
    assert [headers for _, _, headers in records()] == [{"detector-ms": b"12.500"}, {}]


def test_an_empty_log_has_nothing_to_flush(opened: Opened) -> None:
    log, records = opened
    assert log.flush(5) == 0
    assert records() == []


@pytest.mark.integration
def test_a_record_too_large_for_its_topic_is_left_out_told_and_holds_up_no_other(
    stack: Any, wire: Wire, tmp_path: Path
) -> None:
    topic = new_topic(stack.bootstrap, **{"max.message.bytes": "20000"})
    log = spooled(wire, KafkaSender(kafka_at(stack.bootstrap), topic=topic), tmp_path)
    for seq in range(40):
        # All of them in one batch would be too large as well.
        log.append(frame("a", seq, size=50_000 if seq == 7 else 1_000))
    assert log.flush(60) == 0
    log.close()
    written = [wire.decode(value) for _, value, _ in consumed(stack.bootstrap, topic)]
    seqs = [entry.seq for entry in written if isinstance(entry, FrameObserved)]
    assert seqs == [seq for seq in range(40) if seq != 7]
    (dropped,) = [entry for entry in written if isinstance(entry, FramesDropped)]
    assert (dropped.first_seq, dropped.last_seq, dropped.records, dropped.reason) == (7, 7, 1, "OTHER")


def test_a_record_too_large_for_any_topic_is_left_out_too(closed_port: int) -> None:
    """librdkafka refuses it without asking."""
    sender = KafkaSender(kafka_at(f"127.0.0.1:{closed_port}"))
    reports: list[Any] = []
    assert sender.send(message(1, size=2_000_000))
    sender.poll(lambda *report: reports.append(report))
    sender.close()
    ((number, outcome, why),) = reports
    assert (number, outcome) == (1, "refused")
    assert "too large" in why.lower()


def test_a_broker_that_is_away_stops_nobody_and_the_next_start_sends_what_was_left(
    closed_port: int, wire: Wire, tmp_path: Path
) -> None:
    log = spooled(wire, KafkaSender(kafka_at(f"127.0.0.1:{closed_port}")), tmp_path)
    for seq in range(200):
        log.append(frame("a", seq))
    assert log.flush(0.1) == 200
    log.close()
    sender = MemorySender()
    again = spooled(wire, sender, tmp_path)
    assert again.flush(30) == 0
    again.close()
    assert [each.seq for each in sender.delivered] == list(range(200))


def test_a_closed_log_takes_nothing(wire: Wire, tmp_path: Path) -> None:
    log = spooled(wire, MemorySender(), tmp_path)
    log.close()
    with pytest.raises(LogClosedError):
        log.append(frame("a", 0))


def test_what_was_lost_of_a_broken_spool_is_told_in_the_log(wire: Wire, tmp_path: Path) -> None:
    away = MemorySender()
    away.away = True
    log = spooled(wire, away, tmp_path)
    for seq in range(50):
        log.append(frame("a", seq))
    log.close()
    path = tmp_path / "spool.db"
    path.write_bytes(path.read_bytes()[:8192] + b"\xde\xad" * 4096)
    sender = MemorySender()
    again = spooled(wire, sender, tmp_path)
    again.append(status("a"))
    assert again.flush(30) == 0
    again.close()
    assert wire.decode(sender.delivered[-1].value) == status("a")
    assert (tmp_path / "spool.db.damaged").exists()
