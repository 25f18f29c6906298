"""The read model, not the broker, knows which records it holds: committed offsets of a group are set back to it before a start.

Without this a database restored from a backup would miss what the group had acknowledged since. It knows no table.
"""

from collections.abc import Mapping
from typing import TypeAlias

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.settings import KafkaSettings

Offsets: TypeAlias = Mapping[tuple[str, int], int]

_TIMEOUT_S = 15.0

log = structlog.get_logger(__name__)


class TopicRecreatedError(RuntimeError):
    """A topic ends before what the read model holds of it: it is not the topic the read model was made from."""


class GroupBusyError(RuntimeError):
    """Offsets can be set only while nobody is in the group."""


def align(kafka: KafkaSettings, group: str, stored: Offsets) -> None:
    """Set the committed offsets of `group` back to those of `stored` (by topic and partition) that they are ahead of.

    Raises:
        TopicRecreatedError: a stored offset lies behind the end of its partition.
        GroupBusyError: the group still has members; one that died is forgotten after the session time-out.
        KafkaException: the broker is away.
    """
    # A consumer that never subscribes, because the admin client's ListConsumerGroupOffsets crashes the process while a
    # coordinator loads: in librdkafka it hands the retry to a consumer group that an admin client does not have.
    consumer = Consumer(kafka.client() | {"group.id": group, "enable.auto.commit": "false"})
    try:
        for place, offset in stored.items():
            _require_same_topic(consumer, place, offset)
        _set_back(consumer, group, stored)
    finally:
        consumer.close()


def _require_same_topic(consumer: Consumer, place: tuple[str, int], offset: int) -> None:
    _, end = consumer.get_watermark_offsets(TopicPartition(*place), timeout=_TIMEOUT_S)
    if offset > end:
        topic, partition = place
        raise TopicRecreatedError(
            f"{topic}/{partition} ends at offset {end}, but the database holds it up to {offset}: "
            "the topic was made anew. Give the projector a new database, or restore the topic."
        )


def _set_back(consumer: Consumer, group: str, stored: Offsets) -> None:
    committed = consumer.committed([TopicPartition(*place) for place in stored], timeout=_TIMEOUT_S)
    offsets = [(place, stored[place.topic, place.partition]) for place in committed]
    behind = [
        TopicPartition(place.topic, place.partition, offset) for place, offset in offsets if place.offset > offset
    ]
    if not behind:
        return
    log.warning("the read model is behind the group; the group goes back", group=group, partitions=len(behind))
    try:
        consumer.commit(offsets=behind, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_MEMBER_ID:
            raise GroupBusyError(f"group {group} cannot go back while it has members, dead ones included") from error
        raise
