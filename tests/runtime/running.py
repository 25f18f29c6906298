"""Real cameras workers on the session's broker: started as processes, fed, and held against an offline fold."""

import asyncio
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeAlias

from confluent_kafka import KafkaException, Producer

from aforo.audit.published import published
from aforo.audit.refold import refold
from aforo.demo.children import Children
from infra.local.stack import Stack
from infra.local.tools import last_lines
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import (
    CAMERA_EVENTS,
    CAMERA_LOG,
    CAMERA_SNAPSHOTS,
    CAMERAS_CHANGELOG,
    TRACKS,
    ZONE_MINUTES,
    ZONE_VISITS,
)
from schemas.wire import Wire
from stream_processors.agents.camera_fold import APP, CameraFold
from stream_processors.runtime.changelog import Contents
from stream_processors.runtime.messages import Message
from stream_processors.runtime.reading import Reader
from tests.runtime.logs import frame

DERIVED = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS, CAMERA_SNAPSHOTS)
WITHIN_S = 90.0
LOOK_EVERY_S = 0.05


class Site:
    """A broker and the session's registry, cameras of its own, and workers, which end with its context."""

    def __init__(self, stack: Stack, kafka: KafkaSettings, folder: Path, cameras: int) -> None:
        batch = uuid.uuid4().hex[:8]
        self.kafka = kafka
        self.cameras = [f"{batch}-{number}" for number in range(cameras)]
        self.wire = Wire(HttpRegistry(stack.registry_url))
        self.wire.preload()
        self.environment = {
            "AFORO_CONFIG": "/dev/null",
            "AFORO_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "AFORO_REGISTRY__URL": stack.registry_url,
            "AFORO_LOCAL__DATA_DIR": str(folder),
        }
        self.reader = Reader(kafka, APP)
        self._folder = folder
        self._children: list[Children] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        for children in self._children:
            for name in children.running:
                children.kill(name)
        self.reader.__exit__(*why)

    def children(self, **more: str) -> Children:
        """Processes with more in their environment."""
        self._children.append(Children({**self.environment, **more}, self._folder / "log"))
        return self._children[-1]

    def acknowledged(self) -> dict[int, int]:
        """How far the group has got, by partition."""
        found = self.reader.committed(CAMERA_LOG, range(self.kafka.partitions))
        return {partition: offset or 0 for partition, offset in found.items()}

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition."""
        return {each: self.reader.bounds(topic, each)[1] for each in range(self.kafka.partitions)}

    def caught_up(self) -> bool:
        return self.acknowledged() == self.ends(CAMERA_LOG)

    def whole(self, topic: str) -> Iterator[Message]:
        """Every record of a topic."""
        places = {(topic, each): self.reader.bounds(topic, each) for each in range(self.kafka.partitions)}
        return self.reader.read(places)

    def disagreements(self) -> list[str]:
        """What an offline fold of these cameras' logs says and the topics do not, and the reverse."""
        keys = {camera.encode() for camera in self.cameras}
        log = [each for each in self.whole(CAMERA_LOG) if each.key in keys]
        expected = refold(log, CameraFold(self.wire, Verifier({})), self.wire).outputs
        ours = (each for topic in DERIVED for each in self.whole(topic) if each.key in keys)
        seen = published(ours, self.wire, self.ends(CAMERA_LOG))
        lost = [f"lost: {expected[each]}" for each in expected.keys() - seen.kept]
        return lost + [f"contradictory: {seen.events[each]}" for each in seen.events.keys() - expected.keys()]

    def wrong_states(self) -> list[str]:
        """Snapshots in the changelog, old ones too, that are not what an offline fold comes to at their offset."""
        keys = {camera.encode() for camera in self.cameras}
        stored: dict[tuple[bytes, int], set[bytes]] = defaultdict(set)
        for each in self.whole(CAMERAS_CHANGELOG):
            if each.key in keys and each.value is not None:
                found = Contents(0)
                found.add(each.key, each.value)
                stored[each.key, found.entries[each.key].next_offset].add(found.entries[each.key].snapshot)
        expected = asyncio.run(self._states(keys, stored.keys()))
        assert stored, "workers keep states"
        return [f"{key!r} at {offset}" for (key, offset), held in stored.items() if held != {expected[key, offset]}]

    async def _states(self, keys: set[bytes], wanted: Collection[tuple[bytes, int]]) -> dict[tuple[bytes, int], bytes]:
        fold = CameraFold(self.wire, Verifier({}))
        states = {key: fold.new(key) for key in keys}
        found = {}
        for each in self.whole(CAMERA_LOG):
            if each.key in keys:
                states[each.key], _ = await fold.apply(states[each.key], each)
                place = each.key, each.offset + 1
                if place in wanted:
                    found[place] = fold.dump(states[each.key], each.partition, each.offset + 1)
        return found


NewSite: TypeAlias = Callable[[KafkaSettings, int], Site]  # the fixture `new_site`


@contextmanager
def feeding(site: Site, per_second: float) -> Iterator[Callable[[], int]]:
    """Frames of all cameras at a steady pace, acknowledged by the broker when the context ends; gives how many."""
    stop, sent = threading.Event(), [0]
    producer = Producer(site.kafka.producer())

    def feed() -> None:
        began = time.time_ns() // 1_000_000 - 60_000
        while not stop.wait(1 / per_second):
            for camera in site.cameras:
                value = site.wire.encode(frame(sent[0], camera_id=camera, at=began + 100 * sent[0]))
                producer.produce(CAMERA_LOG, key=camera.encode(), value=value)
            producer.poll(0)
            sent[0] += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield lambda: sent[0]
    finally:
        stop.set()
        thread.join()
        assert producer.flush(30) == 0


def until(condition: Callable[[], bool], what: str, children: Children) -> None:
    """Return when the condition holds; fails with the workers' last words."""
    deadline = time.monotonic() + WITHIN_S
    while not _holds(condition):
        words = [last_lines(children.log(name).read_text(errors="replace")) for name in children.running]
        assert time.monotonic() < deadline, f"waited {WITHIN_S:.0f} s for {what}: {words}"
        time.sleep(LOOK_EVERY_S)


def _holds(condition: Callable[[], bool]) -> bool:
    """Topics that were made a moment ago have no leaders yet, and a broker that was started knows no groups."""
    try:
        return condition()
    except KafkaException:
        return False


def moving(site: Site) -> Callable[[], bool]:
    """Whether all partitions have been acknowledged further than they are now, as far as there is anything."""
    before, busy = site.acknowledged(), {each for each, end in site.ends(TRACKS).items() if end}
    return lambda: all(site.acknowledged()[each] > before[each] for each in busy)
