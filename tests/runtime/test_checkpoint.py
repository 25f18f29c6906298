"""The checkpointed agent and the moments at which partitions come and go. What Kafka does to it is tested end to end."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG
from stream_processors.runtime import checkpoint
from stream_processors.runtime.checkpoint import CheckpointedAgent, FrozenError, HoleError, UnfinishedError
from stream_processors.runtime.faust_app import make_app
from tests.runtime.logs import frame, make_fold, make_wire, message

PARTITIONS = {TP(CAMERA_LOG, 0)}


class Event:
    """An event as Faust hands it out."""

    def __init__(self, offset: int) -> None:
        record = message(make_wire().encode(frame(offset)), offset)
        self.message = SimpleNamespace(
            topic=record.topic,
            partition=0,
            offset=offset,
            timestamp=record.appended_at / 1_000,
            key=record.key,
            value=record.value,
            headers=(),
        )
        self.acked = False

    def ack(self) -> None:
        self.acked = True


@pytest.fixture
def app() -> Any:
    return make_app("test", KafkaSettings(bootstrap="127.0.0.1:1"))


@pytest.fixture
def agent(app: Any) -> Any:
    """An agent that has folded one record and not checkpointed it."""
    made: Any = CheckpointedAgent(app, CAMERA_LOG, make_fold(make_wire()), table="state")
    event = Event(0)
    made._folded[b"c1"] = checkpoint._Folded("state", 1, 0, event, dirty=True)
    made._pending.append(event)
    return made


def test_news_of_an_assignment_that_comes_late_forgets_nothing_that_was_folded(app: Any, agent: Any) -> None:
    asyncio.run(app.on_partitions_assigned.send(PARTITIONS))
    assert agent._folded[b"c1"].state == "state"
    assert len(agent._pending) == 1


def test_states_are_forgotten_when_their_partitions_are_given_up(app: Any, agent: Any) -> None:
    agent._pending.clear()  # checkpointed
    asyncio.run(app.on_partitions_revoked.send(PARTITIONS))
    assert agent._folded == {}


@pytest.mark.usefixtures("agent")
def test_partitions_given_up_before_the_checkpoint_stop_the_worker(app: Any) -> None:
    with pytest.raises(UnfinishedError, match="1 records not checkpointed"):
        asyncio.run(app.on_partitions_revoked.send(PARTITIONS))


def test_a_worker_that_stood_still_does_not_checkpoint(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (event,) = agent._pending
    woken = agent._beat + checkpoint.FROZEN_AFTER_S + 0.1
    monkeypatch.setattr(time, "monotonic", lambda: woken)
    with pytest.raises(FrozenError, match="must not write"):
        asyncio.run(agent.checkpoint())
    assert not event.acked


def test_records_that_faust_skipped_stop_the_worker_before_it_folds_past_them(agent: Any) -> None:
    with pytest.raises(HoleError, match="offset 1 should have come, but 3 came"):
        asyncio.run(agent._fold_batch([Event(0), Event(3)]))
    assert agent._folded[b"c1"].next_offset == 1


def test_records_that_come_again_are_skipped(agent: Any) -> None:
    agent._folded[b"c1"].next_offset = 3
    asyncio.run(agent._fold_batch([Event(0), Event(1), Event(0), Event(2), Event(1)]))
    assert agent._folded[b"c1"].next_offset == 3


def test_resuming_a_flow_that_is_active_throws_no_queued_record_away(app: Any) -> None:
    async def resumed(flow_control: FlowControlEvent) -> int:
        queue = FlowControlQueue(flow_control=flow_control, clear_on_resume=True)
        flow_control.resume()
        await queue.put("a record")
        flow_control.resume()
        return int(queue.qsize())

    assert asyncio.run(resumed(app.flow_control)) == 1
    assert asyncio.run(resumed(FlowControlEvent())) == 0, "mode has mended it: KeepingFlowControl can go"
