"""The other side of the API's topics: who publishes what it follows, and a camera that answers its commands."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.events import CommandRefused, DefineZones, Event, Position, ZonesDefined
from schemas.settings import KafkaSettings
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG
from schemas.wire import Wire
from tests.api.running import PATIENCE_S

SIGNER = Signer(Ed25519PrivateKey.generate())
VERIFIER = Verifier({SIGNER.key_id: SIGNER.key.public_key()})


class Broker:
    """The other side of the API's topics."""

    def __init__(self, kafka: KafkaSettings, wire: Wire) -> None:
        self.kafka = kafka
        self.wire = wire
        self._producer = Producer(kafka.producer())

    def publish(self, topic: str, event: Event, headers: list[tuple[str, bytes]] | None = None) -> None:
        self.raw(topic, event.camera_id, self.wire.encode(event), headers)

    def raw(self, topic: str, key: str, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        self._producer.produce(topic, value, key.encode(), headers=headers)
        assert self._producer.flush(PATIENCE_S) == 0

    def ends(self, topic: str) -> dict[int, int]:
        """Where each partition of a topic ends now."""
        consumer = Consumer(self.kafka.client() | {"group.id": f"test-{uuid.uuid4()}"})
        partitions = consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions
        found = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), PATIENCE_S)[1] for p in partitions}
        consumer.close()
        return found


@contextmanager
def a_camera(broker: Broker, camera_id: str, revision: int = 0) -> Iterator[list[DefineZones]]:
    """Answers the commands to one camera as its fold would; gives the commands it saw."""
    consumer = Consumer(broker.kafka.client() | {"group.id": f"test-{uuid.uuid4()}", "enable.auto.commit": False})
    partitions = consumer.list_topics(CAMERA_LOG, PATIENCE_S).topics[CAMERA_LOG].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(CAMERA_LOG, p), PATIENCE_S)[1] for p in partitions]
    consumer.assign([TopicPartition(CAMERA_LOG, p, end) for p, end in zip(partitions, ends, strict=True)])
    seen: list[DefineZones] = []
    stopping = threading.Event()

    def run() -> None:
        in_force = revision
        while not stopping.is_set():
            message = consumer.poll(0.1)
            if message is None or message.key() != camera_id.encode():
                continue
            _, appended_at = message.timestamp()
            VERIFIER.check(camera_id, message.value(), message.headers(), appended_at)
            command = broker.wire.decode(message.value())
            assert isinstance(command, DefineZones)
            seen.append(command)
            accepted = command.expected_revision in {None, in_force}
            in_force += accepted
            place = Position(epoch=0, partition=message.partition(), offset=message.offset(), index=0)
            broker.publish(CAMERA_EVENTS, _answer(command, place, in_force, accepted=accepted))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join(PATIENCE_S)
        consumer.close()


def _answer(command: DefineZones, place: Position, revision: int, *, accepted: bool) -> Event:
    common: dict[str, Any] = {"camera_id": command.camera_id, "position": place, "command_id": command.command_id}
    if accepted:
        return ZonesDefined(**common, revision=revision, effective_at=0, zones=command.zones, lines=command.lines)
    return CommandRefused(**common, command="DefineZones", reason="REVISION_CONFLICT", revision=revision)
