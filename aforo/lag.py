"""How far readers are behind: the fold behind the camera log, the database behind the topics."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, TRACKS, ZONE_MINUTES, ZONE_VISITS

PROJECTED = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS)
_TIMEOUT_S = 10.0

Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Lag:
    """Records not read yet."""

    fold: int
    database: int


def ends(kafka: KafkaSettings, topics: Iterable[str]) -> Offsets:
    """The next offset of every partition of the topics."""
    admin = AdminClient(kafka.client())
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for topic in topics for number in range(kafka.partitions)}
    futures = admin.list_offsets(wanted)
    return {(each.topic, each.partition): future.result(_TIMEOUT_S).offset for each, future in futures.items()}


def folded(kafka: KafkaSettings, group: str = "aforo-cameras") -> Offsets:
    """The offsets of the camera log the fold has committed; 0 where it has not."""
    admin = AdminClient(kafka.client())
    partitions = [TopicPartition(CAMERA_LOG, number) for number in range(kafka.partitions)]
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)]).values()
    found = future.result(_TIMEOUT_S).topic_partitions
    return {(each.topic, each.partition): max(each.offset, 0) for each in found}


def projected(database_url: str) -> Offsets:
    """The offsets up to which the database holds the topics."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT topic, part, next_offset FROM ingest_offsets"))
        return {(topic, part): next_offset for topic, part, next_offset in rows}


def lag(kafka: KafkaSettings, database_url: str) -> Lag:
    """How many records both are behind now."""
    log_ends, topic_ends = ends(kafka, [CAMERA_LOG]), ends(kafka, PROJECTED)
    return Lag(_behind(log_ends, folded(kafka)), _behind(topic_ends, projected(database_url)))


def _behind(ends: Offsets, read: Offsets) -> int:
    return sum(end - read.get(partition, 0) for partition, end in ends.items())
