"""The watchdog says CameraSilent into the log, signed, and decides nothing else."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from schemas.events import CameraSilent
from schemas.wire import Wire
from stream_processors.agents import cameras
from stream_processors.agents.cameras import Watchdog
from stream_processors.domain.camera import CameraState
from stream_processors.runtime.checkpoint import Held
from tests.runtime.logs import SIGNER, VERIFIER, frame, make_fold, make_wire, message


class SpokenTo:
    """A topic that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, **record: Any) -> Awaitable[None]:
        self.sent.append(record)
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivered.set_result(None)
        return delivered


@pytest.fixture
def wire() -> Wire:
    return make_wire()


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> SpokenTo:
    topic = SpokenTo()
    monkeypatch.setattr(cameras, "raw_topic", lambda _app, _name: topic)
    return topic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def streaming(wire: Wire, frames: int = 1) -> CameraState:
    """The state of a camera that sends."""
    state = CameraState("c1")
    for seq in range(frames):
        state, _ = asyncio.run(make_fold(wire).apply(state, message(wire.encode(frame(seq)), seq)))
    return state


def look(watchdog: Watchdog, state: CameraState) -> None:
    asyncio.run(watchdog({b"c1": Held(state, 3)}))


def test_a_camera_is_called_silent_after_ten_seconds_and_then_each_minute(
    wire: Wire, topic: SpokenTo, clock: list[float]
) -> None:
    watchdog, state = Watchdog(None, wire, SIGNER, 10.0), streaming(wire)
    for second in range(131):
        clock[0] = 1_000.0 + second
        look(watchdog, state)
    assert len(topic.sent) == 3  # at 10, 70 and 130 s


def test_a_camera_that_sends_is_never_called_silent(wire: Wire, topic: SpokenTo, clock: list[float]) -> None:
    watchdog = Watchdog(None, wire, SIGNER, 10.0)
    for second in range(0, 40, 5):
        clock[0] = 1_000.0 + second
        look(watchdog, streaming(wire, frames=second + 1))
    assert topic.sent == []


def test_what_it_says_is_signed_for_the_camera_and_goes_to_its_partition(
    wire: Wire, topic: SpokenTo, clock: list[float]
) -> None:
    watchdog, state = Watchdog(None, wire, SIGNER, 10.0), streaming(wire)
    look(watchdog, state)
    clock[0] += 10.0
    look(watchdog, state)
    (record,) = topic.sent
    said = wire.decode(record["value"])
    assert isinstance(said, CameraSilent)
    assert said.last_seen_at == state.watermark
    assert (record["key"], record["partition"]) == (b"c1", 3)
    VERIFIER.check("c1", record["value"], record["headers"], said.noticed_at)


def test_a_lost_camera_is_left_alone(wire: Wire, topic: SpokenTo, clock: list[float]) -> None:
    watchdog, state = Watchdog(None, wire, SIGNER, 10.0), CameraState("c1", status="LOST")
    look(watchdog, state)
    clock[0] += 100.0
    look(watchdog, state)
    assert topic.sent == []
