"""The stream processors as they are run, on servers of their own, and made-up cameras that fill the log. It measures nothing."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from confluent_kafka import Producer

from aforo.demo.children import Children
from aforo.lag import Lag, Readers
from aforo.processes import init, keys, waiting
from aforo.settings import Settings, database_url
from benchmarks.fold_scene import LINES, ZONES, frames
from infra.local.stack import Stack
from infra.local.tools import last_lines
from schemas.events import DefineZones, FrameObserved
from schemas.registry import HttpRegistry
from schemas.signing import VALID_FOR_MS
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.runtime.messages import Message
from stream_processors.runtime.reading import Reader
from tests.local_stack import free_ports, running_stack

PEOPLE = 8
WITHIN_S = 900.0


class Installation:
    """Servers with topics and tables, and processes as they are asked for."""

    def __init__(self, stack: Stack) -> None:
        folder = stack.settings.data_dir
        self.settings = Settings.model_validate(
            {
                "local": stack.settings,
                "kafka": {"bootstrap": stack.bootstrap},
                "registry": {"url": stack.registry_url},
                "signing": {"private_key": folder / "keys/signing.pem", "trusted_keys": folder / "keys/trusted"},
                "api": {"port": free_ports(1)[0]},
            }
        )
        init.run(self.settings)
        self.wire: Wire = waiting.wire(HttpRegistry(stack.registry_url))
        self.readers = Readers(self.settings.kafka, database_url(self.settings))
        self._children = Children(self.environment(), folder / "log")

    def environment(self) -> dict[str, str]:
        """What its processes are started with."""
        kafka, signing = self.settings.kafka, self.settings.signing
        return {
            "AFORO_CONFIG": os.devnull,
            "AFORO_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "AFORO_REGISTRY__URL": self.settings.registry.url,
            "AFORO_DATABASE__URL": database_url(self.settings),
            "AFORO_SIGNING__PRIVATE_KEY": str(signing.private_key),
            "AFORO_SIGNING__TRUSTED_KEYS": str(signing.trusted_keys),
            "AFORO_API__PORT": str(self.settings.api.port),
        }

    def start(self, name: str, *arguments: str) -> int:
        """Start `aforo ARGUMENTS`; its process id."""
        return self._children.start(name, *arguments)

    def caught_up(self, *, database: bool) -> None:
        """Return when the fold, and with `database` the projector, has read all there is.

        Raises:
            RuntimeError: a process ended, or it takes for ever; with its last words.
        """
        deadline = time.monotonic() + WITHIN_S
        while _left(self.readers.lag(), database=database):
            if time.monotonic() > deadline or self._children.ended():
                words = {name: last_lines(self._children.log(name).read_text()) for name in self._children.running}
                raise RuntimeError(f"it does not catch up: {words}")
            time.sleep(0.1)

    def whole(self, topic: str) -> Iterator[Message]:
        """Every record of a topic."""
        with Reader(self.settings.kafka, "aforo-benchmark") as reader:
            places = {(topic, each): reader.bounds(topic, each) for each in range(self.settings.kafka.partitions)}
            yield from reader.read(places)

    def stop(self) -> None:
        """End the processes."""
        self._children.stop_all()
        self.readers.close()


@contextmanager
def installed() -> Iterator[Installation]:
    """An installation, gone with the context."""
    with running_stack() as stack:
        installation = Installation(stack)
        try:
            yield installation
        finally:
            installation.stop()


@dataclass(frozen=True, slots=True)
class Cameras:
    """Cameras that each see `PEOPLE` people walk across two zones and a line."""

    installation: Installation
    names: Sequence[str]
    fps: int

    def define_zones(self) -> None:
        """As the API does."""
        signer, now = keys.signer(self.installation.settings), time.time_ns() // 1_000_000
        producer = Producer(self.installation.settings.kafka.producer())
        for name in self.names:
            command = DefineZones(camera_id=name, command_id=f"zones of {name}", zones=ZONES, lines=LINES)
            body = self.installation.wire.encode(command)
            headers = signer.headers(name, body, now + VALID_FOR_MS)
            producer.produce(CAMERA_LOG, key=name.encode(), value=body, headers=list(headers))
        _flush(producer)

    def film(self, seconds: float) -> None:
        """Send frames as they come, for so long; cameras take turns within a frame's time."""
        producer = Producer(self.installation.settings.kafka.producer())
        began, step_s = time.monotonic(), 1 / (self.fps * len(self.names))
        for number, (name, frame) in enumerate(self._scenes(round(seconds * self.fps))):
            time.sleep(max(0.0, began + number * step_s - time.monotonic()))
            producer.poll(0)
            self._send(producer, name, frame, time.time_ns() // 1_000_000)
        _flush(producer)

    def queue(self, seconds: float) -> int:
        """Send the frames of so many seconds up to now, at once; how many."""
        producer = Producer(self.installation.settings.kafka.producer() | {"queue.buffering.max.messages": 1_000_000})
        count = round(seconds * self.fps)
        began = time.time_ns() // 1_000_000 - count * 1_000 // self.fps
        for name, frame in self._scenes(count):
            self._send(producer, name, frame, began + frame.seq * 1_000 // self.fps)
            producer.poll(0)
        _flush(producer)
        return count * len(self.names)

    def _scenes(self, count: int) -> Iterator[tuple[str, FrameObserved]]:
        for frame in frames(PEOPLE, count, self.fps):
            for name in self.names:
                yield name, frame

    def _send(self, producer: Producer, name: str, frame: FrameObserved, observed_at: int) -> None:
        seen = msgspec.structs.replace(frame, camera_id=name, observed_at=observed_at)
        producer.produce(CAMERA_LOG, key=name.encode(), value=self.installation.wire.encode(seen))


def _left(lag: Lag, *, database: bool) -> int:
    return lag.fold + (lag.database if database else 0)


def _flush(producer: Producer) -> None:
    if producer.flush(60):
        raise RuntimeError("the broker does not take what the cameras saw")
