"""What the topic files say is what the broker holds, and saying it again changes nothing."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas import provision
from schemas.provision import config_of, create_topics
from schemas.settings import KafkaSettings
from schemas.topics import (
    CAMERA_EVENTS,
    CAMERA_LOG,
    CAMERAS_CHANGELOG,
    ZONE_MINUTES,
    PartitionMismatchError,
    TopicSpec,
    topics,
)

each_topic = pytest.mark.parametrize("spec", [pytest.param(spec, id=name) for name, spec in topics().items()])
DAY_MS = 24 * 60 * 60 * 1000


# --- the rules, without a broker ---


def test_what_shows_persons_is_kept_for_the_privacy_retention_and_facts_for_theirs() -> None:
    kafka = KafkaSettings(privacy_retention_days=7, facts_retention_days=90)
    assert config_of(topics()[CAMERA_LOG], kafka)["retention.ms"] == str(7 * DAY_MS)
    assert config_of(topics()[ZONE_MINUTES], kafka)["retention.ms"] == str(90 * DAY_MS)


def test_the_history_of_configuration_is_kept_for_ever() -> None:
    assert config_of(topics()[CAMERA_EVENTS], KafkaSettings())["retention.ms"] == "-1"


def test_the_changelog_is_compacted_in_small_segments() -> None:
    config = config_of(topics()[CAMERAS_CHANGELOG], KafkaSettings())
    assert config["cleanup.policy"] == "compact"
    assert (config["segment.bytes"], config["segment.ms"]) == (str(16 * 1024 * 1024), str(2 * 60 * 1000))


@each_topic
def test_the_broker_stamps_every_record(spec: TopicSpec) -> None:
    assert config_of(spec, KafkaSettings())["message.timestamp.type"] == "LogAppendTime"


# --- on a broker ---


def configuration(kafka: KafkaSettings, name: str) -> dict[str, str]:
    admin = AdminClient(kafka.client())
    (found,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    return {key: entry.value for key, entry in found.result(15).items()}


def create_and_see(kafka: KafkaSettings, name: str) -> None:
    """Create, and return when the broker's metadata show the topic, which may be a moment later."""
    create_topics(kafka)
    admin = AdminClient(kafka.client())
    while name not in admin.list_topics(timeout=15).topics:
        pass


@contextmanager
def topic_files(*specs: TopicSpec) -> Iterator[None]:
    """Provision knows these topics only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provision, "topics", lambda: {spec.name: spec for spec in specs})
        yield


def sample(**config: str) -> TopicSpec:
    return TopicSpec(
        name=f"tests.{uuid.uuid4().hex}",
        purpose="For tests.",
        key="camera_id",
        retention="facts",
        producers=("tests",),
        consumers=("tests",),
        records=(),
        compatibility="NONE",
        epoch=0,
        config=config,
    )


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
def test_creating_the_topics_again_creates_none(kafka: KafkaSettings) -> None:
    assert create_topics(kafka) == []


@pytest.mark.integration
@pytest.mark.usefixtures("topics_exist")
@each_topic
def test_a_topic_on_the_broker_is_what_its_file_says(kafka: KafkaSettings, spec: TopicSpec) -> None:
    held = configuration(kafka, spec.name)
    wanted = config_of(spec, kafka)
    assert {key: held[key] for key in wanted} == wanted
    assert len(AdminClient(kafka.client()).list_topics(spec.name).topics[spec.name].partitions) == kafka.partitions


@pytest.mark.integration
def test_missing_topics_are_created_and_named_once(kafka: KafkaSettings) -> None:
    first, second = sample(), sample()
    with topic_files(first):
        assert create_topics(kafka) == [first.name]
    with topic_files(first, second):
        assert create_topics(kafka) == [second.name]


@pytest.mark.integration
def test_a_changed_configuration_reaches_a_topic_that_exists(kafka: KafkaSettings) -> None:
    spec = sample(**{"segment.ms": "600000"})
    with topic_files(spec):
        create_and_see(kafka, spec.name)
        assert create_topics(kafka.model_copy(update={"facts_retention_days": 3})) == []
    wanted, until = (str(3 * DAY_MS), "600000"), time.monotonic() + 15
    held = configuration(kafka, spec.name)
    while held["retention.ms"] != wanted[0] and time.monotonic() < until:  # the broker applies it a moment later
        held = configuration(kafka, spec.name)
    assert (held["retention.ms"], held["segment.ms"]) == wanted


@pytest.mark.integration
def test_another_partition_count_is_refused_and_says_what_to_set(kafka: KafkaSettings) -> None:
    spec = sample()
    with topic_files(spec):
        create_and_see(kafka, spec.name)
        with pytest.raises(PartitionMismatchError, match=rf"{spec.name}.*AFORO_KAFKA__PARTITIONS={kafka.partitions}"):
            create_topics(kafka.model_copy(update={"partitions": kafka.partitions + 1}))


@pytest.mark.integration
def test_a_topic_another_process_created_meanwhile_is_no_error(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = sample()
    with topic_files(spec):
        create_and_see(kafka, spec.name)
        # What this process saw before the other one was done.
        seen = AdminClient(kafka.client()).list_topics(timeout=15)
        del seen.topics[spec.name]
        monkeypatch.setattr(AdminClient, "list_topics", lambda *_, **__: seen)
        assert create_topics(kafka) == []


@pytest.mark.integration
def test_a_topic_the_broker_refuses_is_named(kafka: KafkaSettings) -> None:
    spec = sample(**{"retention.bytes": "plenty"})
    with topic_files(spec), pytest.raises((RuntimeError, KafkaException), match=spec.name):
        create_topics(kafka)
