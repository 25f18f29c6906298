"""Messages to the broker and what became of each: the port, and Kafka behind it. Nothing is kept here for later."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from producers.spool import Message
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG

logger = structlog.get_logger(__name__)

Outcome: TypeAlias = Literal["delivered", "refused", "failed"]
"""`delivered`: the broker has it; `refused`: it takes no such message; `failed`: it did not take it now."""
Settle: TypeAlias = Callable[[int, Outcome, str], None]
"""Told what became of the message of this number, and the broker's words."""

_REFUSED = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG}


class Sender(Protocol):
    """Takes messages for a broker. For one thread."""

    def send(self, message: Message) -> bool:
        """Take it for delivery, after all before it; False: no room now."""
        ...

    def poll(self, settle: Settle) -> None:
        """Report what is known of messages taken and not yet reported: each of them once, at some time."""
        ...

    def close(self) -> None:
        """Give up what is on its way; it may or may not arrive."""
        ...


class KafkaSender:
    """An idempotent producer, keyed by camera, that tries for as long as it lives and keeps the order of each camera.

    After an error that librdkafka calls fatal a new producer takes its place; what was on its way counts as failed.

    Args:
        kafka: how to reach the brokers.
        topic: the log's topic.
    """

    def __init__(self, kafka: KafkaSettings, *, topic: str = CAMERA_LOG) -> None:
        self._settings = kafka.producer() | {
            "message.timeout.ms": 0,  # no limit: whoever keeps the message decides how long to wait
            "error_cb": self._note,
            "log_level": 2,  # what is wrong comes by `error_cb`
        }
        self._topic = topic
        self._said: set[str] = set()
        self._reports: list[tuple[int, Outcome, str]] = []
        self._begin()

    def send(self, message: Message) -> bool:
        """Take it for delivery; see `Sender`."""
        try:
            self._producer.produce(
                self._topic,
                value=message.value,
                key=message.camera_id.encode(),
                headers=dict(message.headers),
                on_delivery=partial(self._report, self._on_way, message.number),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._reports.append((message.number, _outcome(error.args[0]), error.args[0].str()))
        else:
            self._on_way.add(message.number)
        return True

    def poll(self, settle: Settle) -> None:
        """Report outcomes; see `Sender`."""
        self._producer.poll(0)
        if self._fatal:
            self._begin_anew()
        reports, self._reports = self._reports, []
        for report in reports:
            settle(*report)

    def close(self) -> None:
        """Drop what the broker has not acknowledged."""
        self._producer.purge()
        self._producer.poll(0)

    def _begin(self) -> None:
        self._fatal = ""
        self._on_way: set[int] = set()
        self._producer = Producer(self._settings)

    def _begin_anew(self) -> None:
        logger.error("Kafka's producer gave up; a new one takes its place", topic=self._topic, error=self._fatal)
        self._reports += [(number, "failed", self._fatal) for number in sorted(self._on_way)]
        self._on_way.clear()
        self.close()
        self._begin()

    def _report(self, on_way: set[int], number: int, error: KafkaError | None, _message: Any) -> None:
        """Reports of a producer that was replaced find their message no longer on its way."""
        if error is None:
            self._said.clear()
        if number in on_way:
            on_way.discard(number)
            self._reports.append((number, _outcome(error), error.str() if error else ""))

    def _note(self, error: KafkaError) -> None:
        """Once for each kind of trouble, until a message is delivered: a long outage is no news every few seconds."""
        if error.fatal():
            self._fatal = error.str()
        elif error.name() not in self._said:
            self._said.add(error.name())
            logger.warning("Kafka is not well", error=error.str(), code=error.name())


def _outcome(error: KafkaError | None) -> Outcome:
    if error is None:
        return "delivered"
    return "refused" if error.code() in _REFUSED else "failed"
