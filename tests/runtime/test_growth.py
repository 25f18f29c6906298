"""The number of partitions grows while cameras are at rest: no record is lost or doubled, and each camera keeps its order."""

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from aforo.lag import Lag, Readers
from aforo.partitions import NotAtRestError, grow
from schemas.events import Derived, TracksObserved
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, CAMERA_SNAPSHOTS, DEAD_LETTERS, TRACKS
from stream_processors.agents.camera_fold import APP, CameraFold, Guarded
from stream_processors.runtime import changelog
from stream_processors.runtime.exits import REFUSED_TO_START
from stream_processors.runtime.messages import Message
from stream_processors.runtime.partitioning import Partitioning, home
from tests.runtime.logs import START, frame, make_wire
from tests.runtime.running import DERIVED, NewSite, Site, until

FRAMES = 30
CAMERAS = [f"camera-{number}" for number in range(12)]  # some in every partition of four and of six
NO_DATABASE = "postgresql+psycopg2://nobody@127.0.0.1/none"


@pytest.fixture
def _all_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The projector's part is its own affair here: whatever the fold says counts as stored."""
    monkeypatch.setattr(Readers, "lag", lambda self: Lag(sum(behind(self).values()), 0))


def behind(readers: Readers) -> dict[tuple[str, int], int]:
    folded = readers.folded()
    return {place: max(end - folded[place], 0) for place, end in readers.ends([CAMERA_LOG]).items()}


def interrupted(*_: object) -> bytes:
    raise InterruptedError


def send(site: Site, first: int) -> None:
    """Some frames of every camera."""
    producer = Producer(site.kafka.producer())
    for seq in range(first, first + FRAMES):
        for camera in site.cameras:
            value = site.wire.encode(frame(seq, camera_id=camera, at=START + 100 * seq))
            producer.produce(CAMERA_LOG, key=camera.encode(), value=value)
    assert producer.flush(30) == 0


def run_worker(site: Site, name: str, **settings: str) -> None:
    """Fold all there is, and stop."""
    workers = site.children(**settings)
    workers.start(name, "process", "cameras")
    until(site.caught_up, f"the {name} worker to catch up", workers)
    assert workers.stop(name) == 0


def environment(kafka: KafkaSettings) -> dict[str, str]:
    """The settings as the command prints them."""
    ends = str([list(each) for each in kafka.grown])
    return {"AFORO_KAFKA__PARTITIONS": str(kafka.partitions), "AFORO_KAFKA__GROWN": ends}


def in_order(site: Site) -> Iterator[Message]:
    """The log, epoch by epoch: within a camera the order in which it was written."""
    partitioning = Partitioning.of(site.kafka)
    return iter(
        sorted(
            site.whole(CAMERA_LOG),
            key=lambda each: (partitioning.epoch(each.partition, each.offset), each.partition, each.offset),
        )
    )


async def refolded(site: Site) -> set[tuple[str, bytes]]:
    """What one worker that had never stopped would have said."""
    fold = CameraFold(site.wire, Verifier({}), Partitioning.of(site.kafka))
    states: dict[bytes, Guarded] = {}
    said = set()
    for each in in_order(site):
        key = fold.key(each)
        states[key], outputs = await fold.apply(states.get(key) or fold.new(key), each)
        said |= {(output.topic, output.value) for output in outputs}
    return said


@pytest.mark.integration
@pytest.mark.usefixtures("_all_is_stored")
def test_cameras_go_on_where_they_were_in_partitions_that_did_not_exist(
    new_site: NewSite, own_kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The growth is interrupted when partitions and states are there but no marker is, and done again."""
    site = new_site(own_kafka, 0)
    site.cameras = CAMERAS
    send(site, 0)
    run_worker(site, "before")
    with monkeypatch.context() as patch:
        patch.setattr(changelog, "encode_marker", interrupted)
        with pytest.raises(InterruptedError):
            grow(own_kafka, site.wire, NO_DATABASE, 6, print)
    grown = grow(own_kafka, site.wire, NO_DATABASE, 6, print)

    workers = site.children(AFORO_KAFKA__PARTITIONS="6")
    workers.start("forgetful", "process", "cameras")
    assert workers.wait("forgetful") == REFUSED_TO_START
    assert "set AFORO_KAFKA__GROWN" in workers.log("forgetful").read_text()

    site = new_site(grown, 0)
    site.cameras = CAMERAS
    send(site, FRAMES)
    assert all(site.ends(CAMERA_LOG).values()), "cameras are in every partition, the new ones too"
    run_worker(site, "after", **environment(grown))

    assert_nothing_lost_or_doubled(site, 2)


@pytest.mark.integration
@pytest.mark.full
@pytest.mark.usefixtures("_all_is_stored")
def test_a_log_that_lost_its_end_goes_on_in_a_new_epoch(new_kafka: KafkaSettings, new_site: NewSite) -> None:
    site = new_site(new_kafka, 0)
    site.cameras = CAMERAS
    send(site, 0)
    run_worker(site, "before")
    commit_beyond_the_end(new_kafka)
    workers = site.children()
    workers.start("ahead", "process", "cameras")
    assert workers.wait("ahead") == REFUSED_TO_START
    assert "ends at" in workers.log("ahead").read_text()
    until(lambda: members(new_kafka) == 0, "the worker to be forgotten", workers)
    site.kafka = grow(new_kafka, site.wire, NO_DATABASE, new_kafka.partitions, print)
    send(site, FRAMES)
    run_worker(site, "after", **environment(site.kafka))
    assert_nothing_lost_or_doubled(site, 2)


def commit_beyond_the_end(kafka: KafkaSettings) -> None:
    """As after a broker that lost records the group had folded."""
    ahead = Consumer(kafka.client() | {"group.id": APP})
    _, end = ahead.get_watermark_offsets(TopicPartition(CAMERA_LOG, 0), timeout=15)
    ahead.commit(offsets=[TopicPartition(CAMERA_LOG, 0, end + 5)], asynchronous=False)
    ahead.close()


def members(kafka: KafkaSettings) -> int:
    admin = AdminClient(kafka.client())
    (group,) = admin.describe_consumer_groups([APP]).values()
    return len(group.result(15).members)


def assert_nothing_lost_or_doubled(site: Site, rounds: int) -> None:
    """Every output of one fold that never stopped, once; each camera's frames in their order; and the states that were moved."""
    expected = asyncio.run(refolded(site))
    found = [(topic, each.value or b"") for topic in DERIVED for each in site.whole(topic)]
    moved = {each.value for each in site.whole(CAMERA_SNAPSHOTS)} - {value for _, value in expected}
    assert len(moved) == len(site.cameras) * len(site.kafka.grown)
    assert sorted(each for each in found if each[1] not in moved) == sorted(expected)
    for camera in site.cameras:
        seen = [event for event in events(site, TRACKS) if event.camera_id == camera]
        assert [event.seq for event in sorted(seen, key=place)] == list(range(rounds * FRAMES))


@pytest.mark.integration
def test_what_is_not_at_rest_does_not_grow_and_takes_records_as_before(
    new_site: NewSite, own_kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Readers, "lag", lambda _: Lag(1, 0))
    site = new_site(own_kafka, 1)
    with pytest.raises(NotAtRestError, match="1 records are not folded"):
        grow(own_kafka, site.wire, NO_DATABASE, 8, print)
    send(site, 0)


@pytest.mark.integration
def test_keys_are_where_our_producers_put_them(own_kafka: KafkaSettings) -> None:
    producer, found = Producer(own_kafka.producer()), dict[bytes, int]()
    for number in range(200):
        producer.produce(
            DEAD_LETTERS,
            key=f"camera {number}",
            on_delivery=lambda _, sent: found.update({sent.key(): sent.partition()}),
        )
    assert producer.flush(30) == 0
    count = len(producer.list_topics(DEAD_LETTERS, 15).topics[DEAD_LETTERS].partitions)
    assert found == {key: home(key, count) for key in found}
    assert len(set(found.values())) == count


def test_partitions_do_not_become_fewer() -> None:
    with pytest.raises(ValueError, match="there are 4 partitions, and they cannot become fewer"):
        grow(KafkaSettings(), make_wire(), NO_DATABASE, 3, print)


def events(site: Site, topic: str) -> Iterator[TracksObserved]:
    for each in site.whole(topic):
        event = site.wire.decode(each.value)
        if isinstance(event, TracksObserved):
            yield event


def place(event: Derived) -> tuple[int, int]:
    """By what readers order the records of a camera."""
    return event.position.epoch, event.position.offset
