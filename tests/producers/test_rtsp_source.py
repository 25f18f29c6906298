import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from producers.clock import SystemClock
from producers.sources.address import RtspAddress
from producers.sources.rtsp import RtspSource
from producers.sources.source import LossReason, SourceLostError

SECRET = "open-sesame"


def source_at(port: int, **options: Any) -> RtspSource:
    address = RtspAddress(f"rtsp://admin:{SECRET}@127.0.0.1:{port}/live?token={SECRET}")
    return RtspSource(address, SystemClock(threading.Event()), **options)


@contextmanager
def server(answer: Callable[[str], str | None]) -> Iterator[int]:
    """A server of one connection at a time; `answer` makes a response from a request, or None to stay silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: Callable[[str], str | None]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the test is over
        with connection:
            while request := connection.recv(65536).decode():
                response = answer(request)
                if response is not None:
                    connection.sendall(response.encode())


def refusing(status: str) -> Callable[[str], str]:
    def answer(request: str) -> str:
        number = next(line for line in request.splitlines() if line.lower().startswith("cseq"))
        headers = 'WWW-Authenticate: Basic realm="camera"\r\n' if status.startswith("401") else ""
        return f"RTSP/1.0 {status}\r\n{number}\r\n{headers}\r\n"

    return answer


def lost_reason(source: RtspSource) -> LossReason:
    with pytest.raises(SourceLostError) as raised:
        source.open()
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    assert SECRET not in shown
    assert "admin" not in shown
    return raised.value.reason


def test_a_port_without_a_camera_refuses(closed_port: int) -> None:
    assert lost_reason(source_at(closed_port)) == "REFUSED"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("401 Unauthorized", "AUTHENTICATION"), ("403 Forbidden", "AUTHENTICATION"), ("404 Not Found", "NOT_FOUND")],
)
def test_a_cameras_refusal_is_typed(status: str, reason: LossReason) -> None:
    with server(refusing(status)) as port:
        assert lost_reason(source_at(port)) == reason


def test_a_camera_that_accepts_and_stays_silent_times_out() -> None:
    with server(lambda _request: None) as port:
        begun = time.monotonic()
        assert lost_reason(source_at(port, open_timeout_s=0.3)) == "TIMEOUT"
        assert time.monotonic() - begun < 2


def test_an_unknown_host_is_told_from_a_camera_that_is_off(closed_port: int) -> None:
    def unknown(_host: str, _port: int | None) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert lost_reason(source_at(closed_port, resolve=unknown)) == "DNS"


def test_a_name_that_can_be_no_hosts_is_unknown_too() -> None:
    source = RtspSource(RtspAddress("rtsp://camera..local/live"), SystemClock(threading.Event()))
    with pytest.raises(SourceLostError, match="host name is unknown") as raised:
        source.open()
    assert raised.value.reason == "DNS"


def test_nothing_with_credentials_reaches_the_terminal(closed_port: int, capfd: pytest.CaptureFixture[str]) -> None:
    lost_reason(source_at(closed_port))
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
