"""Writes records and returns when the broker holds them for good: in order, and for as long as the broker is away.

An output that failed while a later one came through would be lost to readers, who drop what is not above the last position
they saw. So nothing here ever gives up or overtakes: an idempotent producer without a delivery time-out. Whoever awaits a
write takes no more input meanwhile, and that is the back-pressure.
"""

import asyncio
from collections.abc import Iterable

import structlog
from confluent_kafka import KafkaError, Message, Producer

from schemas.settings import KafkaSettings
from schemas.topics import DERIVED_RECORD_BYTES
from stream_processors.runtime import metrics
from stream_processors.runtime.messages import Outgoing

SAY_AGAIN_AFTER_S = 10.0
LINGER_MS = 2

log = structlog.get_logger()


class UndeliverableError(RuntimeError):
    """The broker will never take a record: too large, forbidden, or the producer is fenced."""


class Outbox:
    """One producer; records of one partition keep their order."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._refused = ""
        self._trouble = "no answer yet"
        self._producer = Producer(
            kafka.producer()
            | {
                "linger.ms": LINGER_MS,
                "message.timeout.ms": 0,  # never
                "message.max.bytes": DERIVED_RECORD_BYTES,
                "delivery.report.only.error": True,
                "on_delivery": self._on_refused,
                "error_cb": self._on_trouble,
                "log_level": 2,  # broken connections are told in one line, below
            }
        )

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        """Write (partition, record) pairs; returns when all are durable on all in-sync replicas.

        Raises:
            UndeliverableError: waiting would not help.
        """
        for partition, record in records:
            self._producer.produce(
                record.topic, value=record.value, key=record.key, partition=partition, headers=record.headers
            )
        while left := await asyncio.to_thread(self._producer.flush, SAY_AGAIN_AFTER_S):
            metrics.WAITING.labels(service="kafka").inc()
            log.warning("waiting for Kafka to take records", records=left, reason=self._trouble)
        if self._refused:
            raise UndeliverableError(self._refused)

    def _on_refused(self, error: KafkaError, record: Message) -> None:
        self._refused = f"{record.topic()}/{record.partition()} refuses a record: {error.str()}"

    def _on_trouble(self, error: KafkaError) -> None:
        self._trouble = error.str()
