"""What is written is there, in order, whatever the broker does meanwhile; what it will never take is said at once."""

import asyncio
import os
import signal
import uuid
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from infra.local.kafka import Kafka
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG, DERIVED_RECORD_BYTES, LOG_RECORD_BYTES, TRACKS
from stream_processors.runtime import outbox
from stream_processors.runtime.messages import Outgoing
from stream_processors.runtime.outbox import Outbox, UndeliverableError
from stream_processors.runtime.reading import Reader
from tests.runtime.conftest import serve

pytestmark = pytest.mark.integration


def records(count: int, topic: str = TRACKS) -> list[tuple[int, Outgoing]]:
    """Records that no other test writes."""
    batch = uuid.uuid4().hex
    return [(0, Outgoing(topic, b"camera", f"{batch} {number}".encode())) for number in range(count)]


def stored(kafka: KafkaSettings, wanted: list[tuple[int, Outgoing]]) -> list[bytes]:
    """Those of the wanted values that the topic holds, in its order."""
    values = {record.value for _, record in wanted}
    with Reader(kafka, "tests") as reader:
        found = list(reader.read({(TRACKS, 0): reader.bounds(TRACKS, 0)}))
    return [each.value for each in found if each.value in values]


async def interrupted(kafka: KafkaSettings, batch: list[tuple[int, Outgoing]], mend: Callable[[], None]) -> bool:
    """Write while the broker takes nothing, mend it when the wait has been told; gives whether the write was waiting."""
    with capture_logs() as said:
        writing = asyncio.create_task(Outbox(kafka).write(batch))
        while not any(entry["event"].startswith("waiting for Kafka") for entry in said):  # noqa: ASYNC110 - it is told in a log
            await asyncio.sleep(0.05)
        was_waiting = not writing.done()
        mend()
        await writing
    return was_waiting


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SAY_AGAIN_AFTER_S", 1.0)


def pid_of(broker: Kafka) -> int:
    running = broker.daemon.identity()
    assert running is not None
    return running.pid


def test_a_broker_that_stands_still_for_a_while_is_waited_for_and_order_is_kept(
    own_broker: Kafka, own_kafka: KafkaSettings
) -> None:
    batch, pid = records(200), pid_of(own_broker)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert asyncio.run(interrupted(own_kafka, batch, lambda: os.kill(pid, signal.SIGCONT)))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert stored(own_kafka, batch) == [record.value for _, record in batch]


def test_a_broker_that_was_killed_is_waited_for_and_order_is_kept(own_broker: Kafka, own_kafka: KafkaSettings) -> None:
    os.kill(pid_of(own_broker), signal.SIGKILL)
    batch = records(200)
    assert asyncio.run(interrupted(own_kafka, batch, lambda: serve(own_broker)))
    assert stored(own_kafka, batch) == [record.value for _, record in batch]


def test_the_log_takes_no_record_that_what_follows_from_it_could_not_hold(own_kafka: KafkaSettings) -> None:
    large = [(0, Outgoing(CAMERA_LOG, b"camera", os.urandom(LOG_RECORD_BYTES)))]
    with pytest.raises(UndeliverableError, match="too large"):
        asyncio.run(Outbox(own_kafka).write(large))


def test_derived_topics_take_the_largest_record_that_a_worker_writes(own_kafka: KafkaSettings) -> None:
    large = [(0, Outgoing(TRACKS, b"camera", os.urandom(DERIVED_RECORD_BYTES // 2)))]
    asyncio.run(Outbox(own_kafka).write(large))
    assert len(stored(own_kafka, large)) == 1
