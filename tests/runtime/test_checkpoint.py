"""The checkpointed agent: the order of durability, and a crash between any two steps. What Kafka does to it: test_worker.py."""

import asyncio
import os
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from schemas.events import ConfigureCamera
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, CAMERAS_CHANGELOG, DEAD_LETTERS
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime import checkpoint
from stream_processors.runtime.changelog import MARKER_KEY
from stream_processors.runtime.checkpoint import CheckpointedAgent, HoleError, UnfinishedError
from stream_processors.runtime.exits import REFUSED_TO_START, STOOD_STILL
from stream_processors.runtime.faust_app import make_app
from stream_processors.runtime.messages import Message, Outgoing
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.recovery import Recovery
from stream_processors.runtime.snapshots import NewerSnapshotError
from tests.runtime.logs import START, VERIFIER, frame, make_fold, make_wire, signed
from tests.runtime.memory_broker import MemoryBroker, Worker

WIRE = make_wire()
RECORDS = 24
WRITTEN_AT = START + 100 * RECORDS + 100


class CrashError(Exception):
    """The process is gone."""


class Event:
    """An event as Faust hands it out."""

    def __init__(self, record: Message, steps: list[str]) -> None:
        self.message = SimpleNamespace(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.appended_at / 1_000,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        self.acked = False
        self._steps = steps

    def ack(self) -> None:
        self.acked = True
        self._steps.append("ack")


class BrokerOutbox:
    """Writes into the broker in memory; the process dies at the record that exceeds its life."""

    def __init__(self, broker: MemoryBroker, steps: list[str], life: float = float("inf")) -> None:
        self._broker = broker
        self._steps = steps
        self._life = life

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        for _, record in records:
            self._life -= 1
            if self._life < 0:
                raise CrashError
            self._broker.append(record.topic, record.key, record.value, WRITTEN_AT, record.headers)
            is_state = record.topic == CAMERAS_CHANGELOG
            self._steps.append(("marker" if record.key == MARKER_KEY else "snapshot") if is_state else "output")


class Process:
    """A worker process without Kafka: Faust's part is played by `deliver`."""

    def __init__(self, broker: MemoryBroker, life: float = float("inf"), verifier: Verifier = VERIFIER) -> None:
        self.steps: list[str] = []
        self.broker = broker
        self.app: Any = make_app("test", KafkaSettings(bootstrap="127.0.0.1:1"))
        self.app._consumer = SimpleNamespace(assignment=lambda: {TP(CAMERA_LOG, 0)})
        fold = CameraFold(WIRE, verifier)
        self.agent: Any = CheckpointedAgent(
            self.app,
            KafkaSettings(),
            BrokerOutbox(broker, self.steps, life),
            fold,
            source=CAMERA_LOG,
            changelog=CAMERAS_CHANGELOG,
        )
        vars(self.agent)["_recover"] = Recovery(broker, fold, CAMERA_LOG, CAMERAS_CHANGELOG, Partitioning())
        self.delivered = broker.group or 0
        self.unacked: list[Event] = []

    async def deliver(self, records: int) -> None:
        """One batch."""
        events = [Event(each, self.steps) for each in self.broker.topics[CAMERA_LOG][self.delivered :][:records]]
        self.delivered += len(events)
        self.unacked += events
        await self.agent._take_up({0})
        await self.agent._fold_batch(events)

    def commit(self) -> None:
        """What Faust does by itself about every second."""
        while self.unacked and self.unacked[0].acked:
            self.broker.group = self.unacked.pop(0).message.offset + 1

    async def run(self) -> None:
        """Everything that is left, with a checkpoint after every second batch and a commit a batch later."""
        for batch in range(RECORDS):
            await self.deliver(3)
            if batch % 2:
                await self.agent.checkpoint()
            else:
                self.commit()
        await self.agent.checkpoint()
        self.commit()


@pytest.fixture
def broker() -> MemoryBroker:
    """Two cameras; one record of each cannot be decoded."""
    broker = MemoryBroker()
    for offset in range(RECORDS):
        camera, at = f"c{offset % 2}", START + 100 * offset
        poison = offset in {10, 13}
        value = b"poison" if poison else WIRE.encode(frame(offset // 2, camera_id=camera, at=at))
        broker.append(CAMERA_LOG, camera.encode(), value, at + 10)
    return broker


@pytest.fixture
def process(broker: MemoryBroker) -> Process:
    return Process(broker)


def published(broker: MemoryBroker) -> dict[str, list[bytes]]:
    """What each topic holds, repeated records once, in the order in which they first came."""
    own = {CAMERA_LOG, CAMERAS_CHANGELOG}
    return {
        topic: list(dict.fromkeys(each.value or b"" for each in records))
        for topic, records in broker.topics.items()
        if topic not in own
    }


def never_stopped(broker: MemoryBroker) -> dict[str, list[bytes]]:
    calm = MemoryBroker()
    calm.topics[CAMERA_LOG] = broker.topics[CAMERA_LOG]
    Worker(calm, make_fold(WIRE)).fold_to(RECORDS)
    return published(calm)


# --- the order of durability ---


def test_outputs_then_snapshots_then_the_marker_then_acknowledgements(process: Process) -> None:
    asyncio.run(process.run())
    order = {"output": 0, "snapshot": 1, "marker": 2, "ack": 3}
    rounds = " ".join(process.steps).replace("ack output", "ack|output").split("|")
    assert len(rounds) == RECORDS // 6
    for each in rounds:
        steps = [order[step] for step in each.split()]
        assert steps == sorted(steps)
        assert {0, 1, 2, 3} == set(steps)


LONGEST_LIFE = 70  # more writes than a run has


@pytest.mark.parametrize("life", range(0, LONGEST_LIFE, 3))
def test_a_crash_at_any_write_loses_nothing_and_contradicts_nothing(broker: MemoryBroker, life: int) -> None:
    """The worker dies at every third of its writes, and so does its successor; the third one lives."""
    for lives in (life, life, float("inf")):
        try:
            asyncio.run(Process(broker, lives).run())
        except CrashError:
            continue
    assert published(broker) == never_stopped(broker)
    assert broker.group == RECORDS


def test_no_crash_test_lived_to_the_end(process: Process) -> None:
    asyncio.run(process.run())
    assert len([step for step in process.steps if step != "ack"]) < LONGEST_LIFE


def test_a_refusal_that_was_published_stands_whatever_the_next_worker_thinks_of_it(broker: MemoryBroker) -> None:
    """The first one does not trust the command's key, publishes that, and dies before it acknowledges."""
    command = signed(WIRE, ConfigureCamera(camera_id="c0", command_id="k", name="Yard"), RECORDS)
    broker.append(CAMERA_LOG, b"c0", command.value, command.appended_at, command.headers)
    asyncio.run(Process(broker, verifier=Verifier({})).deliver(RECORDS + 1))
    told = published(broker)
    second = Process(broker)
    asyncio.run(second.deliver(RECORDS + 1))
    assert published(broker) == told
    assert second.agent._partitions[0].folded[b"c0"].state.camera.settings.name == ""


def test_a_record_that_changes_nothing_is_not_stored_but_acknowledged(broker: MemoryBroker, process: Process) -> None:
    broker.topics[CAMERA_LOG] = broker.topics[CAMERA_LOG][:0]
    broker.append(CAMERA_LOG, b"c9", WIRE.encode(frame(0, camera_id="c1")), START)
    asyncio.run(process.run())
    assert process.steps == ["output", "output", "marker", "ack"]
    assert [each.topic for each in broker.topics[DEAD_LETTERS]] == [DEAD_LETTERS]


# --- partitions come and go ---


def test_news_of_an_assignment_that_comes_late_forgets_nothing_that_was_folded(process: Process) -> None:
    asyncio.run(process.deliver(3))
    asyncio.run(process.app.on_partitions_assigned.send({TP(CAMERA_LOG, 0)}))
    assert process.agent._partitions[0].next_offset == 3


def test_states_are_forgotten_when_their_partitions_are_given_up(process: Process) -> None:
    async def run() -> None:
        await process.deliver(3)
        await process.agent.checkpoint()
        await process.app.on_partitions_revoked.send({TP(CAMERA_LOG, 0)})

    asyncio.run(run())
    assert process.agent._partitions == {}


def test_partitions_given_up_before_the_checkpoint_stop_the_worker(process: Process) -> None:
    asyncio.run(process.deliver(3))
    with pytest.raises(UnfinishedError, match="3 records not checkpointed"):
        asyncio.run(process.app.on_partitions_revoked.send({TP(CAMERA_LOG, 0)}))


def test_the_first_record_of_an_assignment_must_be_the_one_that_was_committed(
    broker: MemoryBroker, process: Process
) -> None:
    asyncio.run(process.run())
    later = Process(broker)
    broker.append(CAMERA_LOG, b"c1", WIRE.encode(frame(RECORDS)), START)
    broker.append(CAMERA_LOG, b"c1", WIRE.encode(frame(RECORDS + 1)), START)
    later.delivered = RECORDS + 1
    with pytest.raises(HoleError, match=f"offset {RECORDS} should have come, but {RECORDS + 1} came"):
        asyncio.run(later.deliver(1))


def test_records_that_faust_skipped_stop_the_worker_before_it_folds_past_them(process: Process) -> None:
    async def run() -> None:
        await process.deliver(3)
        process.delivered += 1
        await process.deliver(1)

    with pytest.raises(HoleError, match="offset 3 should have come, but 4 came"):
        asyncio.run(run())


def test_records_that_come_again_are_skipped(broker: MemoryBroker, process: Process) -> None:
    async def run() -> None:
        await process.deliver(6)
        process.delivered = 2
        await process.run()

    asyncio.run(run())
    assert published(broker) == never_stopped(broker)


# --- a worker that must not go on ---


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses with which the process ended."""
    statuses: list[int] = []

    def end(status: int) -> None:
        statuses.append(status)
        raise CrashError

    monkeypatch.setattr(os, "_exit", end)
    return statuses


def test_a_worker_that_stood_still_ends_before_it_writes(
    process: Process, exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(process.deliver(3))
    before = list(process.steps)
    woken = process.agent._beat + checkpoint.FROZEN_AFTER_S + 0.1
    monkeypatch.setattr(checkpoint, "_now", lambda: woken)
    with pytest.raises(CrashError):
        asyncio.run(process.agent.checkpoint())
    assert exits == [STOOD_STILL]
    assert process.steps == before


def test_a_worker_stopped_while_it_writes_snapshots_does_not_write_the_marker(
    process: Process, exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(process.deliver(3))
    times = iter([process.agent._beat, process.agent._beat + checkpoint.FROZEN_AFTER_S + 0.1])
    monkeypatch.setattr(checkpoint, "_now", lambda: next(times))
    with pytest.raises(CrashError):
        asyncio.run(process.agent.checkpoint())
    assert exits == [STOOD_STILL]
    assert "snapshot" in process.steps
    assert not {"marker", "ack"} & set(process.steps)


def test_a_worker_of_older_code_refuses_to_start_and_writes_nothing(process: Process, exits: list[int]) -> None:
    def newer(_partitions: set[int]) -> None:
        raise NewerSnapshotError("snapshot format 99 is newer than this code")

    process.agent._recover = newer
    with pytest.raises(CrashError):
        asyncio.run(process.deliver(3))
    assert exits == [REFUSED_TO_START]
    assert process.steps == []


def test_a_broker_that_is_away_at_recovery_is_waited_for(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "RETRY_S", 0.0)
    answers = [ConnectionError("away"), ConnectionError("away")]
    recover = process.agent._recover

    def flaky(partitions: set[int]) -> Any:
        if answers:
            raise answers.pop()
        return recover(partitions)

    process.agent._recover = flaky
    asyncio.run(process.run())
    assert process.broker.group == RECORDS


# --- Faust ---


def test_resuming_a_flow_that_is_active_throws_no_queued_record_away(process: Process) -> None:
    async def resumed(flow_control: FlowControlEvent) -> int:
        queue = FlowControlQueue(flow_control=flow_control, clear_on_resume=True)
        flow_control.resume()
        await queue.put("a record")
        flow_control.resume()
        return int(queue.qsize())

    assert asyncio.run(resumed(process.app.flow_control)) == 1
    assert asyncio.run(resumed(FlowControlEvent())) == 0, "mode has mended it: KeepingFlowControl can go"
