"""Committed offsets follow the read model, on the real broker."""

import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.settings import KafkaSettings
from schemas.topics import ZONE_MINUTES
from stream_processors.projections.alignment import GroupBusyError, TopicRecreatedError, align
from tests.projections.samples import zone_minute
from tests.projections.site import PARTITION, Site, eventually

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]
PLACE = (ZONE_MINUTES, PARTITION)


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


def member(kafka: KafkaSettings, group: str) -> Consumer:
    return Consumer(kafka.client() | {"group.id": group, "enable.auto.commit": "false", "session.timeout.ms": 6_000})


def committed(kafka: KafkaSettings, group: str) -> int:
    consumer = member(kafka, group)
    (place,) = consumer.committed([TopicPartition(*PLACE)], timeout=10)
    consumer.close()
    return int(place.offset)


def commit(kafka: KafkaSettings, group: str, offset: int) -> None:
    consumer = member(kafka, group)
    consumer.commit(offsets=[TopicPartition(*PLACE, offset)], asynchronous=False)
    consumer.close()


@pytest.fixture
def filled(site: Site) -> None:
    site.produce(*[zone_minute(camera_id=site.camera)] * 5)


@pytest.mark.parametrize(("before", "stored", "after"), [(4, 2, 2), (2, 4, 2), (3, 3, 3), (5, 0, 0)])
@pytest.mark.usefixtures("filled")
def test_a_group_goes_back_to_the_read_model_and_never_forward(
    kafka: KafkaSettings, group: str, before: int, stored: int, after: int
) -> None:
    commit(kafka, group, before)
    align(kafka, group, {PLACE: stored})
    assert committed(kafka, group) == after


def test_a_group_that_never_committed_stays_as_it_is(kafka: KafkaSettings, group: str) -> None:
    align(kafka, group, {PLACE: 0})
    assert committed(kafka, group) < 0


def test_a_topic_that_ends_before_the_read_model_was_made_anew(kafka: KafkaSettings, group: str) -> None:
    with pytest.raises(TopicRecreatedError, match=r"aforo\.zone-minutes\.v1/2 ends at offset .* made anew"):
        align(kafka, group, {PLACE: 10**9})


@pytest.mark.usefixtures("filled")
def test_a_group_with_members_is_left_alone(kafka: KafkaSettings, group: str) -> None:
    commit(kafka, group, 4)
    living = member(kafka, group)
    living.subscribe([ZONE_MINUTES])
    eventually(lambda: living.poll(0.1) is not None or bool(living.assignment()))
    with pytest.raises(GroupBusyError, match="members"):
        align(kafka, group, {PLACE: 1})
    living.close()
    assert committed(kafka, group) == 4
