"""How far readers are behind: the fold behind the camera log, the database behind the topics."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.timescale import CONSUMER

PROJECTED = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS)
FOLD_GROUP = "aforo-cameras"
_TIMEOUT_S = 10.0
_PROJECTED = text("SELECT topic, part, next_offset FROM ingest_offsets WHERE consumer = :consumer")

Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Lag:
    """Records not read yet."""

    fold: int
    database: int


class Readers:
    """Looks at how far each reader has got; keeps one connection to the broker and none to the database."""

    def __init__(self, kafka: KafkaSettings, database_url: str) -> None:
        self._partitions = range(kafka.partitions)
        self._admin = AdminClient(kafka.client() | {"log_level": 2})
        # A consumer that never subscribes: AdminClient.list_consumer_group_offsets can crash the process (SIGSEGV in
        # librdkafka 2.16) while the group's coordinator is still loading.
        self._group = Consumer(kafka.client() | {"group.id": FOLD_GROUP, "log_level": 2})
        self._engine = create_engine(database_url, poolclass=NullPool)

    def close(self) -> None:
        """Let the broker go."""
        self._group.close()

    def lag(self) -> Lag:
        """How many records the fold and the database are behind now.

        Raises:
            KafkaException: the broker is away.
            SQLAlchemyError: the database is away.
        """
        return Lag(behind(self.ends([CAMERA_LOG]), self.folded()), behind(self.ends(PROJECTED), self.projected()))

    def ends(self, topics: Iterable[str]) -> Offsets:
        """The next offset of every partition of the topics."""
        return ends(self._admin, topics, self._partitions)

    def folded(self) -> Offsets:
        """How far the fold has acknowledged the camera log."""
        partitions = [TopicPartition(CAMERA_LOG, number) for number in self._partitions]
        found = self._group.committed(partitions, _TIMEOUT_S)
        return {(each.topic, each.partition): max(each.offset, 0) for each in found}

    def projected(self) -> Offsets:
        """How far the database holds the derived topics."""
        with self._engine.connect() as connection:
            rows = connection.execute(_PROJECTED, {"consumer": CONSUMER})
            return {(topic, part): next_offset for topic, part, next_offset in rows}


def ends(admin: AdminClient, topics: Iterable[str], partitions: Iterable[int]) -> Offsets:
    """The next offset of every partition of the topics."""
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for topic in topics for number in partitions}
    # librdkafka 2.16 asks with the leader epochs it knows; after a broker's restart that fails until it learns new ones.
    admin.list_topics(timeout=_TIMEOUT_S)
    futures = admin.list_offsets(wanted)
    return {(each.topic, each.partition): future.result(_TIMEOUT_S).offset for each, future in futures.items()}


def behind(ends: Offsets, read: Offsets) -> int:
    """How many records below `ends` have not been read; some may have been read beyond them."""
    return sum(max(end - read.get(partition, 0), 0) for partition, end in ends.items())
