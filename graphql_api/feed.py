"""The thread that follows the live topics for this process and hands their records to the event loop.

It reads every partition from now on (of event streams also what fits their rings), joins no group and commits nothing. While
the broker or the registry is away it goes on trying; once it has positions it resumes from them, so nothing is skipped.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from graphql_api.metrics import FEED_CONNECTED, FEED_RECORDS, FEED_UNREADABLE
from schemas.events import Event
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_VISITS
from schemas.wire import UndecodableError, Wire

_TIMEOUT_S = 3.0
_RETRY_S = 1.0
_POLL_S = 0.5
_READ_AT_ONCE = 500
_RINGS = (ZONE_VISITS, CAMERA_EVENTS)
_TOPICS = (TRACKS, *_RINGS)

Bounds: TypeAlias = Mapping[int, tuple[int, int]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record of a live topic and where it stood; None where nobody can decode it."""

    topic: str
    partition: int
    offset: int
    event: Event | None
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class FeedListener:
    """What the feed tells, each from its own thread: where rings begin, records, and whether it is connected.

    `began` is given the bounds (next offset, end) of each partition of each topic that has a ring.
    """

    began: Callable[[Mapping[str, Bounds]], None]
    arrived: Callable[[Sequence[Arrival]], None]
    connected: Callable[[bool], None]


class TopicsMissingError(ConnectionError):
    """The broker answers but the topics are not created yet."""


class Feed:
    """Follows the live topics from `start` to `stop`."""

    def __init__(self, kafka: KafkaSettings, wire: Wire, tail: int, listener: FeedListener) -> None:
        self._kafka = kafka
        self._wire = wire
        self._tail = tail
        self._listener = listener
        self._positions: dict[tuple[str, int], int] = {}
        self._stopping = threading.Event()
        self._all_down: KafkaError | None = None
        self._connected = False
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = self._consumer()
            try:
                self._follow(consumer)
            except (KafkaException, ConnectionError) as error:
                self._lost(str(error))
            finally:
                consumer.close()

    def _consumer(self) -> Consumer:
        self._all_down = None
        own = {"group.id": f"aforo-api-{uuid4()}", "error_cb": self._note}
        return Consumer(self._kafka.client() | _FOLLOWER | own)

    def _note(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's documented constant
            self._all_down = error

    def _follow(self, consumer: Consumer) -> None:
        if not self._positions:
            bounds = self._bounds(consumer)
            self._positions = {(topic, p): start for topic in bounds for p, (start, _) in bounds[topic].items()}
            self._listener.began({topic: bounds[topic] for topic in _RINGS})
        consumer.assign([TopicPartition(topic, p, offset) for (topic, p), offset in self._positions.items()])
        consumer.list_topics(timeout=_TIMEOUT_S)
        self._found()
        while not self._stopping.is_set():
            self._take(consumer)

    def _bounds(self, consumer: Consumer) -> dict[str, dict[int, tuple[int, int]]]:
        known = consumer.list_topics(timeout=_TIMEOUT_S).topics
        missing = [topic for topic in _TOPICS if topic not in known]
        if missing:
            raise TopicsMissingError(f"topic {missing[0]} is not created yet")
        tail = self._tail // len(known[ZONE_VISITS].partitions)
        return {
            topic: {p: _bound(consumer, TopicPartition(topic, p), tail) for p in known[topic].partitions}
            for topic in _TOPICS
        }

    def _take(self, consumer: Consumer) -> None:
        first = consumer.poll(_POLL_S)
        if self._all_down is not None:
            raise KafkaException(self._all_down)
        if first is None:
            return
        arrivals: list[Arrival] = []
        try:
            for message in [first, *consumer.consume(_READ_AT_ONCE, 0)]:
                arrivals.append(self._read(message))  # noqa: PERF401 - what came before an error stays
        finally:
            self._listener.arrived(arrivals)  # what was read before an error counts: its positions have moved

    def _read(self, message: Message) -> Arrival:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        event = self._decode(message)
        self._positions[topic, partition] = offset + 1
        FEED_RECORDS.labels(topic).inc()
        return Arrival(topic, partition, offset, event, dict(message.headers() or ()))

    def _decode(self, message: Message) -> Event | None:
        try:
            return self._wire.decode(message.value())
        except UndecodableError as error:
            FEED_UNREADABLE.labels(message.topic()).inc()
            where = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
            log.warning("a live record cannot be read and is left out", reason=str(error), **where)
            return None

    def _found(self) -> None:
        self._connected, self._complained = True, False
        FEED_CONNECTED.set(1)
        self._listener.connected(True)
        log.info("following the live topics")

    def _lost(self, reason: str) -> None:
        if self._connected or not self._complained:
            log.warning("live topics cannot be followed; trying again until they can", reason=reason)
        self._connected, self._complained = False, True
        FEED_CONNECTED.set(0)
        self._listener.connected(False)
        self._stopping.wait(_RETRY_S)


def _bound(consumer: Consumer, partition: TopicPartition, tail: int) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S)
    return (max(low, high - tail) if partition.topic in _RINGS else high), high


_FOLLOWER: dict[str, object] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "socket.keepalive.enable": True,
    "log_level": 2,  # a lost broker is reported once, by us
}
