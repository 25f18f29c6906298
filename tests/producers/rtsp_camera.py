"""The RTSP camera of the tests: our own server process, to be frozen, woken, resized and killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RtspCamera:
    """A running server; `password` makes it ask for one."""

    def __init__(self, port: int, password: str | None = None) -> None:
        self.port = port
        self.url = f"rtsp://127.0.0.1:{port}/live"
        self._arguments = [str(port)] if password is None else [str(port), password]
        self.start()

    def start(self) -> None:
        script = Path(__file__).parent / "rtsp_server.py"
        self._process = subprocess.Popen(
            [sys.executable, script, *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def resize(self, width: int, height: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{width} {height}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def restart(self) -> None:
        self.kill()
        self.start()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_camera(password: str | None = None) -> Iterator[RtspCamera]:
    camera = RtspCamera(free_port(), password)
    try:
        yield camera
    finally:
        camera.kill()
