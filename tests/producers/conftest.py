"""A clock that tests turn by hand, small recordings, and an RTSP camera in a process of its own."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from producers.memory import MemoryCameraLog
from schemas.events import CameraStatusChanged, FrameObserved
from schemas.registry import MemoryRegistry
from schemas.wire import Wire


class ManualClock:
    """Time passes only in `sleep`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.wall_offset_ms = 1_700_000_000_000
        self.slept: list[float] = []

    def utc_ms(self) -> int:
        return self.wall_offset_ms + int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Makes a video whose n-th frame is grey of value 10 + 20 n."""

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
                grey = np.full((size[1], size[0], 3), 10 + 20 * index, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
            container.mux(stream.encode())
        return path

    return make


class RtspCamera:
    """Our own server process, to be frozen, woken and killed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"rtsp://127.0.0.1:{port}/live"
        self._start()

    def _start(self) -> None:
        script = Path(__file__).parent / "rtsp_server.py"
        self._process = subprocess.Popen([sys.executable, script, str(self.port)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def restart(self) -> None:
        self.kill()
        self._start()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def closed_port() -> int:
    return free_port()


@contextmanager
def _camera() -> Iterator[RtspCamera]:
    camera = RtspCamera(free_port())
    try:
        yield camera
    finally:
        camera.kill()


@pytest.fixture(scope="session")
def rtsp_camera() -> Iterator[RtspCamera]:
    """A camera that stays well."""
    with _camera() as camera:
        yield camera


@pytest.fixture
def fragile_camera() -> Iterator[RtspCamera]:
    """A camera of the test's own."""
    with _camera() as camera:
        yield camera


@pytest.fixture
def wire() -> Wire:
    return Wire(MemoryRegistry())


@pytest.fixture
def log(wire: Wire) -> MemoryCameraLog:
    return MemoryCameraLog(wire)


@pytest.fixture
def read(wire: Wire, log: MemoryCameraLog) -> Callable[[], list[FrameObserved | CameraStatusChanged]]:
    """What the log holds, decoded."""

    def entries() -> list[FrameObserved | CameraStatusChanged]:
        decoded = [wire.decode(value) for _, value, _ in log.records]
        assert all(isinstance(entry, FrameObserved | CameraStatusChanged) for entry in decoded)
        return decoded  # type: ignore[return-value]  # asserted in the line above

    return entries
