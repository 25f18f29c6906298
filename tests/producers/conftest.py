"""Small recordings, and an RTSP camera in a process of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from producers.memory import MemoryCameraLog
from producers.publisher import LogEntry
from schemas.registry import MemoryRegistry
from schemas.wire import Wire
from tests.producers.clocks import ManualClock
from tests.producers.own_broker import OwnBroker, own_broker
from tests.producers.rtsp_camera import RtspCamera, free_port, running_camera


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Makes a video whose n-th frame is grey of value 10 + 20 n, modulo 250."""

    def make(
        frames: int = 12,
        *,
        fps: int = 10,
        size: tuple[int, int] = (64, 48),
        name: str = "video.mp4",
        codec: str = "mpeg4",
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=fps)
            stream.width, stream.height = size
            for index in range(frames):
                grey = np.full((size[1], size[0], 3), (10 + 20 * index) % 250, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def closed_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def rtsp_camera() -> Iterator[RtspCamera]:
    """A camera that stays well."""
    with running_camera() as camera:
        yield camera


@pytest.fixture
def fragile_camera() -> Iterator[RtspCamera]:
    """A camera of the test's own."""
    with running_camera() as camera:
        yield camera


@pytest.fixture(scope="session")
def broker() -> Iterator[OwnBroker]:
    """A broker that tests kill; each leaves it serving."""
    with own_broker() as running:
        yield running


@pytest.fixture
def wire() -> Wire:
    return Wire(MemoryRegistry())


@pytest.fixture
def log(wire: Wire) -> MemoryCameraLog:
    return MemoryCameraLog(wire)


@pytest.fixture
def read(wire: Wire, log: MemoryCameraLog) -> Callable[[], list[LogEntry]]:
    """What the log holds, decoded."""

    def entries() -> list[LogEntry]:
        decoded = [wire.decode(value) for _, value, _ in log.records]
        assert all(isinstance(entry, LogEntry) for entry in decoded)
        return decoded  # type: ignore[return-value]  # asserted in the line above

    return entries
