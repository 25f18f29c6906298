"""A broker that is killed or cut off while frames come: the same frames in the same order, so the same visits."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from producers.clock import SystemClock
from producers.publisher import SpooledCameraLog
from producers.sender import KafkaSender
from producers.settings import SpoolSettings
from schemas.events import FrameObserved, LogRecord, Output, Position, ZoneEntered, ZoneExited
from schemas.wire import Wire
from tests.producers.own_broker import OwnBroker
from tests.producers.reading import consumed
from tests.producers.test_camera_log import kafka_at, new_topic
from tests.replay.files import folded_by_hand
from tests.replay.test_golden import through_avro

pytestmark = pytest.mark.integration

RECORDING = through_avro()
FRAMES = [record for record in RECORDING if isinstance(record, FrameObserved)]
COMMANDS = [record for record in RECORDING if not isinstance(record, FrameObserved)]
NOWHERE = Position(epoch=0, partition=0, offset=0, index=0)
THIRD = len(FRAMES) // 3


class Edge:
    """A camera log that can end and begin again, as the edge's process does."""

    def __init__(self, broker: OwnBroker, wire: Wire, folder: Path) -> None:
        self.topic = new_topic(broker.bootstrap)
        self._broker, self._wire, self._folder = broker, wire, folder
        self.begin()

    def begin(self) -> None:
        sender = KafkaSender(kafka_at(self._broker.bootstrap), topic=self.topic)
        # The recording is of another year; nothing of it is too old here.
        settings = SpoolSettings(max_age_h=1e9)
        clock = SystemClock(threading.Event())
        self.log = SpooledCameraLog(self._wire, sender, self._folder / "spool.db", settings, clock)

    def again(self) -> None:
        self.log.close()
        self.begin()

    def await_spool(self) -> None:
        """Return when what was appended is on the disk."""
        while self.log._inbox or self.log._forwarder._unsaved:
            time.sleep(0.01)

    def read(self) -> list[FrameObserved]:
        found = [self._wire.decode(value) for _, value, _ in consumed(self._broker.bootstrap, self.topic)]
        return [record for record in found if isinstance(record, FrameObserved)]


@pytest.fixture
def edge(broker: OwnBroker, wire: Wire, tmp_path: Path) -> Iterator[Edge]:
    made = Edge(broker, wire, tmp_path)
    yield made
    made.log.close()


def visits(records: list[LogRecord]) -> list[Output]:
    """The zone visits of a log, without the places of their causes."""
    found = [said for said in folded_by_hand(records) if isinstance(said, ZoneEntered | ZoneExited)]
    return [msgspec.structs.replace(said, position=NOWHERE) for said in found]


def kill(broker: OwnBroker, _edge: Edge) -> None:
    broker.kill()


def kill_and_end_the_edge_too(broker: OwnBroker, edge: Edge) -> None:
    broker.kill()
    edge.log.append(FRAMES[THIRD])
    edge.again()


def cut(broker: OwnBroker, _edge: Edge) -> None:
    broker.freeze()


OUTAGES: dict[str, tuple[Callable[[OwnBroker, Edge], None], Callable[[OwnBroker], None]]] = {
    "the broker is killed": (kill, OwnBroker.start),
    "the broker is killed, and the edge starts again meanwhile": (kill_and_end_the_edge_too, OwnBroker.start),
    "the link is cut": (cut, OwnBroker.wake),
}


@pytest.mark.parametrize(
    "outage",
    [pytest.param("the broker is killed", marks=pytest.mark.full), *list(OUTAGES)[1:]],
)
def test_an_outage_leaves_the_same_visits_as_none(broker: OwnBroker, edge: Edge, outage: str) -> None:
    begins, ends = OUTAGES[outage]
    for frame in FRAMES[:THIRD]:
        edge.log.append(frame)
    assert edge.log.flush(60) == 0
    begins(broker, edge)
    for frame in FRAMES[THIRD : 2 * THIRD]:
        edge.log.append(frame)
    edge.await_spool()
    ends(broker)
    for frame in FRAMES[2 * THIRD :]:
        edge.log.append(frame)
    assert edge.log.flush(60) == 0

    arrived = edge.read()
    expected: list[Any] = [*COMMANDS, *FRAMES]
    assert list({frame.seq: frame for frame in arrived}.values()) == FRAMES, "nothing is lost, nothing overtakes"
    assert len(visits(expected)) > 10
    assert visits([*COMMANDS, *arrived]) == visits(expected)
