"""What Kafka's client says, in our words; what happens on a real broker is in test_camera_log and test_outage."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from producers import sender as module
from producers.sender import KafkaSender
from tests.producers.messages import message
from tests.producers.test_camera_log import kafka_at


class FakeProducer:
    """A producer that does what a test says; no broker can be asked for a fatal error."""

    made: list["FakeProducer"]

    def __init__(self, settings: dict[str, Any]) -> None:
        self.error_cb = settings["error_cb"]
        self.produced: list[Any] = []
        self.purged = False
        FakeProducer.made.append(self)

    def produce(self, _topic: str, *, value: bytes, on_delivery: Any, **_: Any) -> None:
        self.produced.append((value, on_delivery))

    def poll(self, _timeout: float) -> None:
        """Nothing happens by itself."""

    def purge(self) -> None:
        self.purged = True

    def settle(self, index: int, error: KafkaError | None = None) -> None:
        self.produced[index][1](error, None)


class Reports(list[tuple[int, str]]):
    def take(self, number: int, outcome: str, _why: str) -> None:
        self.append((number, outcome))


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> KafkaSender:
    FakeProducer.made = []
    monkeypatch.setattr(module, "Producer", FakeProducer)
    return KafkaSender(kafka_at("nowhere:1"))


def error(code: int, *, fatal: bool = False) -> KafkaError:
    return KafkaError(code, "as told", fatal=fatal)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (None, "delivered"),
        (error(KafkaError.MSG_SIZE_TOO_LARGE), "refused"),
        (error(KafkaError.INVALID_RECORD), "refused"),
        (error(KafkaError.TOPIC_AUTHORIZATION_FAILED), "failed"),
        (error(KafkaError.UNKNOWN_TOPIC_OR_PART), "failed"),
        (error(KafkaError._PURGE_QUEUE), "failed"),
    ],
)
def test_only_what_no_second_attempt_can_mend_is_refused(
    sender: KafkaSender, said: KafkaError | None, outcome: str
) -> None:
    reports = Reports()
    assert sender.send(message(1))
    FakeProducer.made[0].settle(0, said)
    sender.poll(reports.take)
    sender.poll(reports.take)
    assert reports == [(1, outcome)]


def test_after_a_fatal_error_a_new_producer_goes_on_and_what_was_on_its_way_has_failed(sender: KafkaSender) -> None:
    reports = Reports()
    for number in range(1, 5):
        sender.send(message(number))
    (first,) = FakeProducer.made
    first.settle(0)
    first.error_cb(error(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True))
    sender.poll(reports.take)
    assert reports == [(1, "delivered"), (2, "failed"), (3, "failed"), (4, "failed")]
    assert first.purged
    _, second = FakeProducer.made
    assert sender.send(message(2))
    first.settle(1)  # late words of the first one are of no interest
    second.settle(0)
    sender.poll(reports.take)
    assert reports[4:] == [(2, "delivered")]


def test_an_error_that_is_not_fatal_changes_nothing(sender: KafkaSender) -> None:
    sender.send(message(1))
    (first,) = FakeProducer.made
    first.error_cb(error(KafkaError._ALL_BROKERS_DOWN))
    reports = Reports()
    sender.poll(reports.take)
    assert reports == []
    assert FakeProducer.made == [first]
