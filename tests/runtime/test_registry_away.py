"""The real registry killed and restarted under a cameras worker and under a projector."""

import struct
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from infra.local.stack import Stack
from schemas.events import RecordRefused, TrackEnded
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, DEAD_LETTERS, TRACKS
from schemas.wire import Wire
from stream_processors.projections.memory import MemoryStore
from stream_processors.projections.projector import Projector, SourceRecord
from tests.projections.letters import Letters
from tests.projections.samples import NOON, at, track_ended
from tests.runtime.logs import frame
from tests.runtime.registries import Node, second_node
from tests.runtime.running import NewSite, Site, until
from tests.schemas.next_release import encode_next

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

NOBODYS = struct.pack(">bI", 0, 2_000_000_000) + b"body"


@pytest.fixture
def site(new_site: NewSite, kafka: KafkaSettings) -> Site:
    return new_site(kafka, 1)


@pytest.fixture(scope="module")
def node(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Of the module, since a registry takes long to start; it does not run at first."""
    with second_node(stack, tmp_path_factory.mktemp("registry")) as node:
        yield node


class Camera:
    """The site's camera, as its log and the topics show it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._key = site.cameras[0].encode()
        self._producer = Producer(site.kafka.producer())
        self._began = time.time_ns() // 1_000_000 - 60_000
        self._seq = 0

    def next_value(self, registry: HttpRegistry | None = None) -> bytes:
        """Its next frame; with a registry, as the next release writes it."""
        self._seq += 1
        event = frame(self._seq, camera_id=self._site.cameras[0], at=self._began + 100 * self._seq)
        return self._site.wire.encode(event) if registry is None else encode_next(registry, event)

    def send(self, *values: bytes) -> None:
        for value in values:
            self._producer.produce(CAMERA_LOG, key=self._key, value=value)
        assert self._producer.flush(30) == 0

    def folded(self) -> int:
        """How many of its frames were."""
        return len(self._values(TRACKS))

    def refused(self) -> list[str]:
        """Why records of it were."""
        events = map(self._site.wire.decode, self._values(CAMERA_EVENTS))
        return [each.reason for each in events if isinstance(each, RecordRefused)]

    def letters(self) -> list[bytes]:
        return self._values(DEAD_LETTERS)

    def _values(self, topic: str) -> list[bytes]:
        return [each.value or b"" for each in self._site.whole(topic) if each.key == self._key]


def test_a_worker_goes_on_while_the_registry_is_away_and_waits_for_what_only_the_registry_knows(
    stack: Stack, site: Site, node: Node
) -> None:
    camera, workers = Camera(site), site.children(AFORO_REGISTRY__URL=node.url)
    workers.start("worker", "process", "cameras")
    log = workers.log("worker")
    until(lambda: "service='the schema registry" in log.read_text(), "the worker to wait at its start", workers)
    node.start()
    camera.send(camera.next_value())
    until(lambda: camera.folded() == 1, "the first frame", workers)

    node.kill()
    camera.send(camera.next_value(), camera.next_value())
    until(lambda: camera.folded() == 3, "frames of a known schema", workers)

    camera.send(camera.next_value(HttpRegistry(stack.registry_url)), camera.next_value())
    until(lambda: "waiting for the schema registry" in log.read_text(), "the worker to wait", workers)
    assert camera.folded() == 3
    node.start()
    until(lambda: camera.folded() == 5, "what was waited for, and what came after it", workers)
    assert camera.refused() == []

    camera.send(NOBODYS, camera.next_value())
    until(lambda: camera.folded() == 6, "what follows an id nobody was given", workers)
    assert camera.refused() == ["UNKNOWN_SCHEMA"]
    assert camera.letters() == [NOBODYS]
    assert workers.stop("worker") == 0


def test_a_projector_goes_on_while_the_registry_is_away_and_waits_for_what_only_the_registry_knows(
    stack: Stack, node: Node
) -> None:
    ours = HttpRegistry(stack.registry_url)
    known, unknown = Wire(ours).encode(_ended(0)), encode_next(ours, _ended(2))
    store, letters, waits = MemoryStore(), Letters(), list[float]()
    node.start()
    wire = Wire(HttpRegistry(node.url))
    wire.preload()
    node.kill()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        node.start()
        return False

    projector = Projector(store, wire, letters, lambda _topic, _partition: 0, wait)
    projector.project([_record(0, known), _record(1, known)])
    assert not waits
    projector.project([_record(2, unknown), _record(3, known)])
    assert len(waits) == 1
    assert not letters.taken
    assert store.next_offset(TRACKS, 0) == 4


def _ended(number: int) -> TrackEnded:
    return track_ended(track_no=number, started_at=NOON + number, position=at(number))


def _record(offset: int, value: bytes) -> SourceRecord:
    return SourceRecord(TRACKS, 0, offset, NOON, b"entrance", value)
