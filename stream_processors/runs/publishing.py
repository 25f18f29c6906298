"""Appends what adopting a run needs to be said: commands to camera logs, signed, and facts to their topics. It knows no run."""

import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.events import Command, Derived, Position
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.signing import VALID_FOR_MS, Headers, Signer
from schemas.topics import CAMERA_LOG, topic_of
from schemas.wire import Wire
from stream_processors.projections.errors import TransientError
from stream_processors.runtime.partitioning import Partitioning

_DURABLE_WITHIN_S = 30.0


class Publisher:
    """One idempotent producer: what is appended to a partition stands there in that order."""

    def __init__(self, kafka: KafkaSettings, wire: Wire, signer: Signer) -> None:
        self._producer = Producer(kafka.producer() | {"message.timeout.ms": int(_DURABLE_WITHIN_S * 1_000)})
        self._partitioning = Partitioning.of(kafka)
        self._wire = wire
        self._signer = signer
        self._refused: KafkaError | None = None
        self._last: Message | None = None

    def command(self, command: Command) -> Position:
        """Append a command to its camera's log, and say where it stands.

        Raises:
            TransientError: it was perhaps not appended; append it again.
        """
        body = self._encoded(command)
        headers = self._signer.headers(command.camera_id, body, time.time_ns() // 1_000_000 + VALID_FOR_MS)
        self._produce(CAMERA_LOG, command.camera_id, body, headers=headers)
        self.flush()
        assert self._last is not None, "it was delivered"
        partition, offset = self._last.partition(), self._last.offset()
        epoch = self._partitioning.epoch(partition, offset)
        return Position(epoch=epoch, partition=partition, offset=offset, index=0)

    def append(self, fact: Derived, partition: int) -> None:
        """Append a fact to a partition of its topic; durable after the next `flush`."""
        topic = topic_of(type(fact).__name__)
        self._produce(topic, fact.camera_id, self._encoded(fact), partition=partition)

    def flush(self) -> None:
        """Return when all that was appended is durable.

        Raises:
            TransientError: some of it perhaps is not; append all of it again.
        """
        if self._producer.flush(_DURABLE_WITHIN_S):
            self._producer.purge()
            self._producer.flush(_DURABLE_WITHIN_S)  # says of each that it was purged
        refused, self._refused = self._refused, None
        if refused:
            raise TransientError("kafka", str(refused))

    def close(self) -> None:
        """Let go of the broker."""
        self._producer.close()

    def _encoded(self, event: Command | Derived) -> bytes:
        try:
            return self._wire.encode(event)
        except RegistryUnavailableError as error:
            raise TransientError("registry", str(error)) from error

    def _produce(
        self, topic: str, camera_id: str, value: bytes, *, partition: int = -1, headers: Headers | None = None
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, camera_id.encode(), partition, headers=headers, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(1)  # as much as fits is on its way
            except KafkaException as error:
                raise TransientError("kafka", str(error)) from error
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._refused, self._last = error or self._refused, message
