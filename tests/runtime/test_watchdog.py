"""The watchdog says CameraSilent into the log, signed, and decides nothing else."""

import asyncio
import time
from collections.abc import Iterable

import pytest

from schemas.events import CameraSilent
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import Guarded
from stream_processors.agents.watchdog import Watchdog
from stream_processors.domain.camera import CameraState
from stream_processors.runtime.checkpoint import Held
from stream_processors.runtime.messages import Outgoing
from tests.runtime.logs import SIGNER, VERIFIER, frame, make_fold, make_wire, message


class SpokenTo:
    """An outbox that remembers what was written."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Outgoing]] = []

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        self.sent += records


@pytest.fixture
def wire() -> Wire:
    return make_wire()


@pytest.fixture
def outbox() -> SpokenTo:
    return SpokenTo()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def streaming(wire: Wire, frames: int = 1) -> Guarded:
    """The state of a camera that sends."""
    state = Guarded(CameraState("c1"))
    for seq in range(frames):
        state, _ = asyncio.run(make_fold(wire).apply(state, message(wire.encode(frame(seq)), seq)))
    return state


def look(watchdog: Watchdog, state: Guarded) -> None:
    asyncio.run(watchdog({b"c1": Held(state, 3)}))


def test_a_camera_is_called_silent_after_ten_seconds_and_then_each_minute(
    wire: Wire, outbox: SpokenTo, clock: list[float]
) -> None:
    watchdog, state = Watchdog(outbox, wire, SIGNER, 10.0), streaming(wire)
    for second in range(131):
        clock[0] = 1_000.0 + second
        look(watchdog, state)
    assert len(outbox.sent) == 3  # at 10, 70 and 130 s


def test_a_camera_that_sends_is_never_called_silent(wire: Wire, outbox: SpokenTo, clock: list[float]) -> None:
    watchdog = Watchdog(outbox, wire, SIGNER, 10.0)
    for second in range(0, 40, 5):
        clock[0] = 1_000.0 + second
        look(watchdog, streaming(wire, frames=second + 1))
    assert outbox.sent == []


def test_what_it_says_is_signed_for_the_camera_and_goes_to_its_partition(
    wire: Wire, outbox: SpokenTo, clock: list[float]
) -> None:
    watchdog, state = Watchdog(outbox, wire, SIGNER, 10.0), streaming(wire)
    look(watchdog, state)
    clock[0] += 10.0
    look(watchdog, state)
    ((partition, record),) = outbox.sent
    said = wire.decode(record.value)
    assert isinstance(said, CameraSilent)
    assert said.last_seen_at == state.camera.watermark
    assert (record.topic, record.key, partition) == (CAMERA_LOG, b"c1", 3)
    VERIFIER.check("c1", record.value, record.headers, said.noticed_at)


def test_a_lost_camera_is_left_alone(wire: Wire, outbox: SpokenTo, clock: list[float]) -> None:
    watchdog, state = Watchdog(outbox, wire, SIGNER, 10.0), Guarded(CameraState("c1", status="LOST"))
    look(watchdog, state)
    clock[0] += 100.0
    look(watchdog, state)
    assert outbox.sent == []
