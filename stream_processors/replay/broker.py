"""Reads bounded parts of topics, several at once if need be, as a member of no group. It must not know what the records say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from confluent_kafka import KafkaException

from schemas.settings import KafkaSettings
from stream_processors.replay.errors import BrokerError
from stream_processors.replay.exporting import Stored
from stream_processors.runtime.reading import Reader

Answer = TypeVar("Answer")


class Broker(Protocol):
    """Topics that can be read from offset to offset. Every method may raise BrokerError."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written."""
        ...

    def since(self, topic: str, partition: int, appended_at: int) -> int:
        """The first offset appended at or after a moment, UTC ms; the end where there is none."""
        ...

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Stored]:
        """Every message from offset `start` up to, but not including, `stop`; there must be one at each."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaBroker:
    """The topics of a Kafka cluster."""

    kafka: KafkaSettings

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written."""
        return self._asked(topic, lambda reader: reader.bounds(topic, partition))

    def since(self, topic: str, partition: int, appended_at: int) -> int:
        """The first offset appended at or after a moment, UTC ms; the end where there is none."""
        return self._asked(topic, lambda reader: reader.since(topic, {partition: max(appended_at, 0)})[partition])

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """How far a group has acknowledged each partition; 0 where it never did. The group does not notice."""
        found = self._asked(topic, lambda reader: reader.committed(topic, range(self.kafka.partitions)), group)
        return {partition: offset or 0 for partition, offset in found.items()}

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Stored]:
        """Every message from offset `start` up to, but not including, `stop`; there must be one at each."""
        with _at(f"{topic}, partition {partition}"), Reader(self.kafka, "aforo-replay") as reader:
            for expected, message in enumerate(reader.read({(topic, partition): (start, stop)}), start):
                if message.offset != expected:
                    raise BrokerError(
                        f"{topic}, partition {partition}: offset {expected} is gone; retention has taken what is needed"
                    )
                yield Stored(partition, message.offset, message.appended_at, message.key, message.value)

    def _asked(self, topic: str, ask: Callable[[Reader], Answer], group: str = "aforo-replay") -> Answer:
        with _at(topic), Reader(self.kafka, group) as reader:
            return ask(reader)


@contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except (KafkaException, ConnectionError) as error:
        raise BrokerError(f"{place}: {error}; is the broker up?") from error
