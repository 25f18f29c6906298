"""A way to a service that a test opens and closes, so that the service is away while it is closed."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from tests.api.running import PATIENCE_S


class Gate:
    """A port that forwards to a service once it is opened; until then nobody listens there."""

    def __init__(self, target: str, port: int) -> None:
        self._target = target
        self.port = port
        self._listener: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept)

    def close(self) -> None:
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in self._pairs:
            _shut(end)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for end in self._pairs:
            end.close()
        self._pairs, self._threads = [], []

    def _accept(self) -> None:
        listener = self._listener
        assert listener is not None
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # closed
            host, port = self._target.split(":")
            far = socket.create_connection((host, int(port)))
            self._pairs += [near, far]
            self._run(partial(_pump, near, far))
            self._run(partial(_pump, far, near))

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # the other direction ended the connection
        while data := source.recv(65_536):
            sink.sendall(data)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # already ended
        end.shutdown(socket.SHUT_RDWR)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
