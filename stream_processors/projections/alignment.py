"""The read model, not the broker, knows which records it holds: committed offsets of a group are set back to it before a start.

Without this a database restored from a backup would miss what the group had acknowledged since. It knows no table.
"""

from collections.abc import Mapping
from typing import TypeAlias

import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

Offsets: TypeAlias = Mapping[tuple[str, int], int]

_TIMEOUT_S = 15.0

log = structlog.get_logger(__name__)


class TopicRecreatedError(RuntimeError):
    """A topic ends before what the read model holds of it: it is not the topic the read model was made from."""


class GroupBusyError(RuntimeError):
    """Offsets can be set only while nobody is in the group."""


def align(admin: AdminClient, group: str, stored: Offsets) -> None:
    """Set the committed offsets of `group` back to those of `stored` (by topic and partition) that they are ahead of.

    Raises:
        TopicRecreatedError: a stored offset lies behind the end of its partition.
        GroupBusyError: the group still has members; one that died is forgotten after the session time-out.
        KafkaException: the broker is away.
    """
    _require_same_topics(stored, _ends(admin, stored))
    committed = _committed(admin, group, stored)
    behind = [TopicPartition(*place, offset) for place, offset in stored.items() if committed[place] > offset]
    if not behind:
        return
    log.warning("the read model is behind the group; the group goes back", group=group, partitions=len(behind))
    request = ConsumerGroupTopicPartitions(group, behind)
    answer = admin.alter_consumer_group_offsets([request])[group].result(_TIMEOUT_S)
    for place in answer.topic_partitions:
        if place.error:
            raise GroupBusyError(
                f"group {group} cannot go back while it has members, dead ones included: {place.error}"
            )


def _require_same_topics(stored: Offsets, ends: Offsets) -> None:
    for (topic, partition), offset in stored.items():
        if offset > ends[topic, partition]:
            raise TopicRecreatedError(
                f"{topic}/{partition} ends at offset {ends[topic, partition]}, but the database holds it up to {offset}: "
                "the topic was made anew. Give the projector a new database, or restore the topic."
            )


def _ends(admin: AdminClient, stored: Offsets) -> Offsets:
    asked = admin.list_offsets({TopicPartition(*place): OffsetSpec.latest() for place in stored})
    return {(place.topic, place.partition): future.result(_TIMEOUT_S).offset for place, future in asked.items()}


def _committed(admin: AdminClient, group: str, stored: Offsets) -> Offsets:
    """Negative where nothing was ever committed."""
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in stored])
    answer = admin.list_consumer_group_offsets([request])[group].result(_TIMEOUT_S)
    return {(place.topic, place.partition): place.offset for place in answer.topic_partitions}
