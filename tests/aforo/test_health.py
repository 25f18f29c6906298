"""`aforo status` about the streams: on a real broker and database, with either away, and what it calls wrong."""

import json
from uuid import uuid4

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from aforo.cli import main
from aforo.health import LATE_AFTER_S, CameraHealth, Health, Reading, judged, look
from aforo.lag import FOLD_GROUP, PROJECTED
from infra.local.stack import Stack
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG, ZONE_VISITS
from stream_processors.projections.timescale import TimescaleStore
from tests.aforo.letters import record, set_aside
from tests.projections.samples import appended, at, camera_configured, tracks_observed
from tests.projections.site import eventually

NOWHERE = "timescaledb+psycopg2://aforo:hidden@127.0.0.1:1/aforo"


def camera(**more: object) -> CameraHealth:
    known = {"camera_id": "door", "site_id": "s", "status": "STREAMING", "reason": "", "watermark": 1, "accepted": 1}
    return CameraHealth(**{**known, "refused": {}, **more})  # type: ignore[arg-type] # as the table above says


def reading(reader: str, oldest_s: float) -> Reading:
    return Reading(reader, CAMERA_LOG, 2, 10, 5, oldest_s)


@pytest.mark.parametrize(
    ("health", "told"),
    [
        (Health(readings=[reading("fold", LATE_AFTER_S + 1)]), "aforo process cameras"),
        (Health(readings=[reading("database", LATE_AFTER_S + 1)]), "aforo process projector"),
        (Health(dead_letters={"POISON": 2}), "2 dead letters: `aforo dead-letters list`"),
        (Health(cameras=[camera(refused={"QUARANTINED": 3})]), "dead-letters list --camera door"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(health: Health, told: str) -> None:
    (problem,) = judged(health)
    assert told in problem


def test_short_lag_and_refused_duplicates_are_nothing_wrong() -> None:
    health = Health(readings=[reading("fold", LATE_AFTER_S - 1)], cameras=[camera(refused={"DUPLICATE": 9})])
    assert list(judged(health)) == []


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
def test_lag_is_counted_from_what_each_reader_has_taken(kafka: KafkaSettings, database: str) -> None:
    mine = f"health-{uuid4().hex[:8]}"
    producer = Producer(kafka.producer())
    for _ in range(3):
        producer.produce(CAMERA_LOG, key=mine, value=b"x", partition=3)
    assert producer.flush(30) == 0
    eventually(lambda: look(kafka, database).readings != [])  # a broker that was just started knows no groups yet
    end = {(each.topic, each.partition): each for each in look(kafka, database).readings}[CAMERA_LOG, 3]
    group = Consumer(kafka.client() | {"group.id": FOLD_GROUP, "enable.auto.commit": False})
    taken = TopicPartition(CAMERA_LOG, 3, end.next_offset + end.behind - 2)
    group.commit(offsets=[taken], asynchronous=False)
    group.close()
    health = look(kafka, database)
    found = {(each.reader, each.topic, each.partition): each for each in health.readings}
    assert len(found) == (1 + len(PROJECTED)) * kafka.partitions
    assert (found["fold", CAMERA_LOG, 3].next_offset, found["fold", CAMERA_LOG, 3].behind) == (taken.offset, 2)
    assert 0 <= found["fold", CAMERA_LOG, 3].oldest_s <= end.oldest_s + 60


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
def test_cameras_and_dead_letters_are_shown(kafka: KafkaSettings, database: str) -> None:
    store = TimescaleStore(database)
    start = store.next_offset(ZONE_VISITS, 0)
    frame = tracks_observed(camera_id="hall", position=at(2), accepted=4, refused={"LATE": 1})
    events = appended(camera_configured(camera_id="hall", position=at(1), site_id="north"), frame)
    store.write(ZONE_VISITS, 0, start, start + 1, events)
    store.close()
    set_aside(kafka, record(CAMERA_LOG, "hall", b"\0"), "POISON")
    health = look(kafka, database)
    (hall,) = health.cameras
    assert (hall.site_id, hall.watermark, hall.accepted, hall.refused) == ("north", frame.observed_at, 4, {"LATE": 1})
    assert health.dead_letters["POISON"] >= 1


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
def test_a_database_that_is_away_is_a_problem_without_its_password(kafka: KafkaSettings) -> None:
    health = look(kafka, NOWHERE)
    (problem,) = [each for each in health.problems if "database" in each]
    assert "AFORO_DATABASE__URL" in problem
    assert "hidden" not in problem


@pytest.mark.integration
def test_a_broker_that_is_away_is_a_problem_and_the_cameras_are_still_told(database: str) -> None:
    health = look(KafkaSettings(bootstrap="127.0.0.1:1"), database)
    assert any("Kafka does not answer" in each for each in health.problems)
    assert health.cameras == []


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
def test_the_command_prints_json_for_scripts_and_ends_with_status_1_when_something_is_wrong(
    stack: Stack, kafka: KafkaSettings, database: str
) -> None:
    set_aside(kafka, record(CAMERA_LOG, "hall", b"\0"), "POISON")
    environment = {"AFORO_KAFKA__BOOTSTRAP": stack.bootstrap, "AFORO_DATABASE__URL": database}
    result = CliRunner().invoke(main, ["status", "--json"], env=environment)
    told = json.loads(result.stdout)
    assert {*told} == {"readings", "cameras", "dead_letters", "problems", "services"}
    assert told["dead_letters"]["POISON"] >= 1
    assert told["problems"] != []
    assert result.exit_code == 1
