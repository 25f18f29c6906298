"""A process that starts before its services waits, says so, and goes on by itself."""

import socket
import time

import pytest
from structlog.testing import capture_logs

from aforo.processes import waiting
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass only while something sleeps."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Late:
    """A service that comes up after so many attempts."""

    def __init__(self, failures: int) -> None:
        self._failures = failures

    def __call__(self) -> str:
        if self._failures:
            self._failures -= 1
            raise ConnectionError("nobody there")
        return "here"


@pytest.mark.usefixtures("clock")
def test_waiting_ends_with_what_the_first_success_returned() -> None:
    assert waiting.wait_for("a service", Late(5), ConnectionError) == "here"


@pytest.mark.usefixtures("clock")
def test_what_is_waited_for_is_said_at_once_and_then_every_ten_seconds() -> None:
    with capture_logs() as said:
        waiting.wait_for("a service", Late(25), ConnectionError)
    waits = [entry for entry in said if entry["event"] == "waiting"]
    assert len(waits) == 3  # at 0, 10 and 20 s
    assert waits[0]["reason"] == "nobody there"
    assert (said[-1]["event"], said[-1]["service"]) == ("no longer waiting", "a service")


@pytest.mark.usefixtures("clock")
def test_nothing_is_said_of_a_service_that_is_there() -> None:
    with capture_logs() as said:
        waiting.wait_for("a service", Late(0), ConnectionError)
    assert said == []


def test_an_error_that_waiting_does_not_mend_is_raised() -> None:
    def wrong() -> None:
        raise ValueError("wrong password")

    with pytest.raises(ValueError, match="wrong password"):
        waiting.wait_for("a service", wrong, ConnectionError)


def test_an_absent_broker_and_registry_are_named_with_their_address(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StopWaitingError(Exception):
        pass

    def stop(_seconds: float) -> None:
        raise StopWaitingError

    monkeypatch.setattr(time, "sleep", stop)
    address = f"127.0.0.1:{closed_port}"
    with capture_logs() as said:
        with pytest.raises(StopWaitingError):
            waiting.kafka_with_topics(KafkaSettings(bootstrap=address))
        with pytest.raises(StopWaitingError):
            waiting.wire(HttpRegistry(f"http://{address}"))
    assert [entry["service"] for entry in said] == [
        f"Kafka at {address}",
        f"the schema registry at http://{address}",
    ]
