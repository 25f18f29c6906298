"""The camera log as the edge writes it, and its Kafka implementation. What the records mean is not known here."""

import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import structlog
from confluent_kafka import KafkaError, Producer

from producers.metrics import RECORDS
from schemas.events import CameraStatusChanged, FrameObserved
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire

logger = structlog.get_logger(__name__)

LogEntry: TypeAlias = FrameObserved | CameraStatusChanged

_POLL_S = 0.1


class LogUnavailableError(Exception):
    """The log did not take the record, now; offer it again a little later."""


class CameraLog(Protocol):
    """Where a camera's records go, in the order in which they are appended."""

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record without waiting for its delivery.

        Raises:
            LogUnavailableError: not taken; the same record may be offered again.
        """
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait for deliveries, at most that long; how many records taken are not delivered yet."""
        ...

    def close(self) -> None:
        """Stop working for the log; flush before."""
        ...


class KafkaCameraLog:
    """The camera log as a Kafka topic: an idempotent producer, keyed by camera.

    A record that was taken is tried for as long as the process lives; when the queue in memory is full the next one is
    not taken. Frames then go stale at the capture and are counted there.

    Args:
        kafka: how to reach the brokers.
        wire: frames the records; asks the registry once per record type.
        topic: the log's topic.
        queue_bytes: how much may wait in memory while the broker is away.
    """

    def __init__(
        self, kafka: KafkaSettings, wire: Wire, *, topic: str = CAMERA_LOG, queue_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._wire = wire
        self._topic = topic
        self._producer = Producer(
            kafka.producer()
            | {
                "message.timeout.ms": 0,  # no limit: what was taken is not given up behind the edge's back
                "queue.buffering.max.kbytes": max(1, queue_bytes // 1024),
                "error_cb": _report_error,
            },
            logger=logging.getLogger("librdkafka"),
        )
        self._closed = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="camera-log", daemon=True)
        self._poller.start()

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record; see `CameraLog`."""
        try:
            self._producer.produce(
                self._topic,
                value=self._wire.encode(entry),
                key=entry.camera_id.encode(),
                headers={name: value.encode() for name, value in (headers or {}).items()},
                on_delivery=_count,
            )
        except BufferError:
            raise LogUnavailableError("the queue to the broker is full") from None
        except RegistryUnavailableError as error:
            raise LogUnavailableError(str(error)) from error

    def flush(self, timeout_s: float) -> int:
        """Wait for deliveries; see `CameraLog`."""
        return int(self._producer.flush(timeout_s))

    def close(self) -> None:
        """Stop the thread that takes delivery reports."""
        self._closed.set()
        self._poller.join()

    def _poll(self) -> None:
        """Delivery reports come only while somebody polls, also when no frame does."""
        while not self._closed.is_set():
            self._producer.poll(_POLL_S)


def _count(error: KafkaError | None, message: Any) -> None:
    RECORDS.labels("failed" if error else "delivered").inc()
    if error:
        logger.error("record refused by the broker", topic=message.topic(), key=message.key(), error=error.str())


def _report_error(error: KafkaError) -> None:
    logger.warning("Kafka is not well", error=error.str(), code=error.name())
