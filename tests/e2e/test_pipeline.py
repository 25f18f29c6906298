"""The whole of Aforo on real parts: footage in, rows and GraphQL answers out, and the same answers when a worker is killed."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from aforo.demo.scene import SCENES
from aforo.demo.session import Session, settings_of_its_own
from aforo.settings import Settings
from infra.local.footage import vtest
from infra.local.tools import ensure_tools
from schemas.events import CameraStatusChanged, FrameObserved
from schemas.registry import HttpRegistry
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from tests.local_stack import free_ports, settings_for_tests, shared_cache, stack_folder

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

EdgeRecord = FrameObserved | CameraStatusChanged
FRAMES = 200  # 20 s at 10 frames/s
ANSWERS = """query Answers($camera: ID!, $range: TimeRange!) {
  camera(cameraId: $camera) { framesAccepted framesRefused { reason frames } }
  zoneVisits(range: $range, filter: {cameraIds: [$camera]}, first: 200) {
    nodes { trackNo zoneId enteredAt enteredAtMin enteredAtMax entryReason exitedAt dwellMs exitReason }
  }
  tracks(cameraId: $camera, range: $range, first: 200) { nodes { trackNo startedAt endedAt endReason observations } }
  efficiency(cameraIds: [$camera], range: $range, bucket: "PT1M") { total { efficiency presentMs observedMs } }
}"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 20 seconds of the footage, its packets as they are."""
    path = tmp_path_factory.mktemp("footage") / "clip.avi"
    with av.open(str(vtest(shared_cache()))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if number == FRAMES:
                break
            packet.stream = stream
            target.mux(packet)
    return path


@pytest.fixture(scope="module")
def session(clip: Path) -> Iterator[Session]:
    """Everything running but the edge; zones drawn for both cameras."""
    ensure_tools(install=True, progress=print)
    camera = {"id": "calm", "source": str(clip), "realtime": False}
    with stack_folder() as folder:
        local = settings_for_tests(folder)
        base = Settings.model_validate({"local": local, "api": {"port": free_ports(1)[0]}})
        scenes = {"calm": SCENES["plaza"], "stormy": SCENES["plaza"]}
        running = Session(settings_of_its_own(base, [camera]), scenes)
        try:
            running.start(print, ("cameras", "projector", "api"))
            yield running
        finally:
            running.stop()


def test_footage_becomes_answers_and_a_killed_worker_changes_none_of_them(session: Session) -> None:
    session.children.start("edge", "edge")
    assert session.children.wait("edge") == 0
    session.catch_up()
    wire = Wire(HttpRegistry(session.settings.registry.url))
    records = edge_records(session, wire, "calm")
    frames = [record for record in records if isinstance(record, FrameObserved)]
    assert [frame.seq for frame in frames] == list(range(FRAMES))
    calm = answers(session, "calm", frames)
    assert calm["camera"]["framesAccepted"] == FRAMES
    assert calm["zoneVisits"]["nodes"], "people walk through the yard in these 20 seconds"

    again = [msgspec.structs.replace(record, camera_id="stormy") for record in records]
    publish(session, wire, again[: FRAMES // 2])
    await_accepted(session, "stormy", at_least=FRAMES // 4)
    session.children.kill("cameras")
    publish(session, wire, again[FRAMES // 2 :])
    session.start_process("cameras")
    session.catch_up()

    assert answers(session, "stormy", frames) == calm
    account = session.finish(print)
    assert account.faults == []
    assert account.folded == 2 * FRAMES
    assert account.dead_letters == 0


def test_bytes_that_are_no_record_become_dead_letters_and_the_flow_goes_on(session: Session) -> None:
    producer = Producer(session.settings.kafka.producer())
    for value in (b"no Avro at all", b"\0\0\x0f\xff\xffunknown schema"):
        producer.produce(CAMERA_LOG, key=b"calm", value=value)
    producer.flush(10)
    session.catch_up()
    account = session.finish(print)
    assert account.dead_letters == 2
    assert account.faults == []
    assert session.children.ended() == {}


def answers(session: Session, camera: str, frames: list[FrameObserved]) -> dict[str, Any]:
    """What GraphQL says of a camera over the time of the frames."""
    span = {"from": rfc3339(frames[0].observed_at // 60_000 * 60_000), "to": rfc3339(frames[-1].observed_at + 60_000)}
    return session.api.query(ANSWERS, camera=camera, range=span)


def rfc3339(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat()


def await_accepted(session: Session, camera: str, at_least: int) -> None:
    """Return when the database shows that so many frames of the camera were folded."""
    query = "query($camera: ID!) { camera(cameraId: $camera) { framesAccepted } }"

    def accepted() -> bool:
        found = session.api.query(query, camera=camera)["camera"]
        return bool(found) and found["framesAccepted"] >= at_least

    session.wait_until(accepted, f"{at_least} frames of {camera} to be folded")


def publish(session: Session, wire: Wire, records: list[EdgeRecord]) -> None:
    producer = Producer(session.settings.kafka.producer())
    for record in records:
        producer.produce(CAMERA_LOG, key=record.camera_id.encode(), value=wire.encode(record))
    assert producer.flush(30) == 0


def edge_records(session: Session, wire: Wire, camera: str) -> list[EdgeRecord]:
    """What the edge wrote into the camera's log, in its order."""
    settings = session.settings.kafka
    consumer = Consumer(
        settings.client()
        | {"group.id": uuid.uuid4().hex, "enable.auto.commit": "false", "enable.partition.eof": "true"}
    )
    consumer.assign([TopicPartition(CAMERA_LOG, number, 0) for number in range(settings.partitions)])
    found: list[EdgeRecord] = []
    ends = 0
    while ends < settings.partitions:
        message = consumer.poll(10)
        assert message is not None, "the broker answers"
        if message.error():
            ends += 1
        elif isinstance(record := wire.decode(message.value()), EdgeRecord) and record.camera_id == camera:
            found.append(record)
    consumer.close()
    return found
