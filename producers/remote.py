"""What the control plane says of this site's cameras: follows `camera-events`, and remembers it over restarts and outages.

What a configuration means is not known here.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from producers.files import replace_file
from producers.metrics import UNREADABLE
from schemas.events import CameraConfigured, Event
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS
from schemas.wire import UndecodableError, Wire

logger = structlog.get_logger(__name__)

_BATCH = 500
_POLL_S = 0.5
_RETRY_S = 1.0


class Memory(msgspec.Struct, frozen=True):
    """What is known of a site's cameras.

    Attributes:
        site: the site.
        cameras: the newest configuration of each of its cameras.
        offsets: where to read on, by partition.
    """

    site: str
    cameras: Mapping[str, CameraConfigured] = {}
    offsets: Mapping[int, int] = {}


def after(cameras: Mapping[str, CameraConfigured], event: Event, site: str) -> Mapping[str, CameraConfigured]:
    """What is known after one more event; the same mapping if it is no news of this site."""
    if not isinstance(event, CameraConfigured):
        return cameras
    known = cameras.get(event.camera_id)
    if known is not None and event.position <= known.position:
        return cameras
    if event.site_id == site:
        return {**cameras, event.camera_id: event}
    if known is None:
        return cameras
    return {camera_id: each for camera_id, each in cameras.items() if camera_id != event.camera_id}


class RemoteConfiguration:
    """Follows the topic in a thread of its own; unreachable, it leaves what is known as it is.

    Args:
        kafka: how to reach the brokers.
        wire: reads the events.
        site: whose cameras.
        path: where what is known is kept.
        topic: the topic of events.
    """

    def __init__(self, kafka: KafkaSettings, wire: Wire, site: str, path: Path, *, topic: str = CAMERA_EVENTS) -> None:
        self._kafka = kafka
        self._wire = wire
        self._path = path
        self._topic = topic
        self._memory = _read(path, site)
        self._cameras = self._memory.cameras
        self._unread: set[int] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="configuration", daemon=True)
        self._thread.start()

    def cameras(self) -> Mapping[str, CameraConfigured]:
        """The newest configuration of each camera of the site; the same object while nothing is new."""
        return self._cameras

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        settings = self._kafka.client() | {
            "group.id": f"aforo-edge-{self._memory.site}",  # the client wants one; nothing is committed
            "enable.auto.commit": "false",
            "enable.partition.eof": "true",
            "auto.offset.reset": "earliest",
            "log_level": 2,
        }
        consumer = Consumer(settings)
        try:
            if self._assign(consumer):
                self._follow(consumer)
        finally:
            consumer.close()
            self._keep()

    def _assign(self, consumer: Consumer) -> bool:
        """Take all partitions where they were left, once there is a broker; False: closed before."""
        while not self._closing.is_set():
            try:
                found = consumer.list_topics(self._topic, timeout=_RETRY_S).topics[self._topic].partitions
            except KafkaException as error:
                logger.debug("the control plane is away", error=str(error.args[0]))
                found = {}
            if found:
                offsets = self._memory.offsets
                consumer.assign([TopicPartition(self._topic, number, offsets.get(number, 0)) for number in found])
                self._unread = set(found)
                return True
            self._closing.wait(_RETRY_S)
        return False

    def _follow(self, consumer: Consumer) -> None:
        while not self._closing.is_set():
            before = self._memory
            for message in consumer.consume(_BATCH, _POLL_S):
                self._take(message)
            if not self._unread and self._memory.cameras is not self._cameras:
                self._cameras = self._memory.cameras
            if self._memory.cameras is not before.cameras:
                self._keep()

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is None:
            event = self._decoded(message)
            cameras = after(self._memory.cameras, event, self._memory.site) if event else self._memory.cameras
            offsets = {**self._memory.offsets, message.partition(): message.offset() + 1}
            self._memory = Memory(self._memory.site, cameras, offsets)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
            self._unread.discard(message.partition())
        else:
            logger.warning("the control plane cannot be followed now", error=error.str())

    def _decoded(self, message: Any) -> Event | None:
        """The event, once the registry answers; None for one that nobody can read."""
        while not self._closing.is_set():
            try:
                return self._wire.decode(message.value())
            except UndecodableError as error:
                UNREADABLE.inc()
                where = {"topic": self._topic, "partition": message.partition(), "offset": message.offset()}
                logger.warning("an event cannot be read and is left out", error=str(error), **where)
                return None
            except RegistryUnavailableError:
                self._closing.wait(_RETRY_S)
        return None

    def _keep(self) -> None:
        try:
            replace_file(self._path, msgspec.json.encode(self._memory))
        except OSError as error:
            logger.warning("configurations cannot be kept", file=str(self._path), error=error.strerror)


def _read(path: Path, site: str) -> Memory:
    """What was kept; nothing if it is of another site or cannot be read."""
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory(site)
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("kept configurations cannot be read; they are asked for again", file=str(path), error=str(error))
        return Memory(site)
    return memory if memory.site == site else Memory(site)
