"""The next release of the published language beside this one: producers ahead of the workers, and workers ahead of them."""

import struct
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from aforo.audit.refold import refold
from infra.local.stack import Stack
from schemas.registry import HttpRegistry, subject_of
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, TRACKS
from schemas.wire import schema_text, to_avro
from stream_processors.agents.camera_fold import CameraFold
from tests.runtime.logs import frame
from tests.runtime.running import DERIVED, NewSite, Site, until
from tests.schemas.next_release import copy_of_next, encode_next, next_id

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

FRAMES = 40
SUBJECT = subject_of("TracksObserved")


@pytest.fixture
def site(new_site: NewSite, kafka: KafkaSettings) -> Site:
    return new_site(kafka, 2)


def send(site: Site, first: int, newer: HttpRegistry | None = None) -> None:
    """Frames of all cameras; every other one as the next release writes it, where a registry is given."""
    began, producer = time.time_ns() // 1_000_000 - 60_000, Producer(site.kafka.producer())
    for seq in range(first, first + FRAMES):
        for camera in site.cameras:
            event = frame(seq, camera_id=camera, at=began + 100 * seq)
            value = site.wire.encode(event) if newer is None or seq % 2 else encode_next(newer, event)
            producer.produce(CAMERA_LOG, key=camera.encode(), value=value)
    assert producer.flush(30) == 0


def ids(site: Site) -> list[int]:
    """The schemas that records of the cameras' tracks were written with."""
    keys = {camera.encode() for camera in site.cameras}
    values = (each.value for each in site.whole(TRACKS) if each.key in keys)
    return [schema_id for value in values if value for (schema_id,) in [struct.unpack_from(">I", value, 1)]]


def test_workers_read_what_the_next_release_writes(stack: Stack, site: Site) -> None:
    workers = site.children()
    workers.start("worker", "process", "cameras")
    send(site, 0)
    until(site.caught_up, "frames of this release", workers)
    send(site, FRAMES, newer=HttpRegistry(stack.registry_url))
    until(site.caught_up, "frames of the next", workers)
    assert workers.stop("worker") == 0
    assert site.disagreements() == []


def test_workers_of_the_next_release_read_this_one_and_are_read_by_it(stack: Stack, site: Site, tmp_path: Path) -> None:
    """And the way back: what the next release has written does not keep this one from going on."""
    copy_of_next(tmp_path / "next", "FrameObserved", "TracksObserved", "CameraSnapshot")
    newer = site.children(PYTHONSAFEPATH="1", PYTHONPATH=str(tmp_path / "next"))
    newer.start("newer", "process", "cameras")
    send(site, 0)
    until(site.caught_up, "the next release", newer)
    assert newer.stop("newer") == 0
    registry = HttpRegistry(stack.registry_url)
    this, following = registry.register(SUBJECT, schema_text("TracksObserved")), next_id(registry, "TracksObserved")
    assert following in ids(site)
    assert this not in ids(site)
    workers = site.children()
    workers.start("worker", "process", "cameras")
    send(site, FRAMES)
    until(site.caught_up, "this release again", workers)
    assert workers.stop("worker") == 0
    assert this in ids(site)
    assert said(site) == meant(site)


def said(site: Site) -> set[tuple[str, bytes]]:
    """What the topics say of the cameras, in the bytes of this release, whichever wrote it."""
    keys = {camera.encode() for camera in site.cameras}
    return {
        (topic, to_avro(site.wire.decode(each.value)))
        for topic in DERIVED
        for each in site.whole(topic)
        if each.key in keys
    }


def meant(site: Site) -> set[tuple[str, bytes]]:
    """What an offline fold says of the cameras' logs."""
    keys = {camera.encode() for camera in site.cameras}
    log = [each for each in site.whole(CAMERA_LOG) if each.key in keys]
    outputs = refold(log, CameraFold(site.wire, Verifier({})), site.wire).outputs
    return {(topic, to_avro(event)) for (topic, _), event in outputs.items()}
