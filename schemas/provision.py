"""Creates what the topic files describe: topics with their configuration, and subjects with their compatibility.

Idempotent: running it again changes nothing, and a topic that exists with another partition count is an error.
"""

from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from schemas.registry import HttpRegistry, subject_of
from schemas.settings import KafkaSettings
from schemas.topics import PartitionMismatchError, TopicSpec, largest_record_bytes, topics
from schemas.wire import schema_text

_DAY_MS = 86_400_000
_TIMEOUT_S = 15


def config_of(spec: TopicSpec, kafka: KafkaSettings) -> dict[str, str]:
    """The broker-side configuration of a topic."""
    kept = {
        "privacy": {"cleanup.policy": "delete", "retention.ms": str(kafka.privacy_retention_days * _DAY_MS)},
        "facts": {"cleanup.policy": "delete", "retention.ms": str(kafka.facts_retention_days * _DAY_MS)},
        "forever": {"cleanup.policy": "delete", "retention.ms": "-1"},
        "compacted": {"cleanup.policy": "compact"},
    }[spec.retention]
    sized = {"max.message.bytes": str(largest_record_bytes(spec.name))}
    return {"message.timestamp.type": "LogAppendTime"} | sized | kept | spec.config


def create_topics(kafka: KafkaSettings) -> list[str]:
    """Create the topics that are missing and configure all; returns the names of the new ones.

    Raises:
        PartitionMismatchError: a topic exists with another partition count.
        KafkaException: the broker is away or refuses.
    """
    admin = AdminClient(kafka.client())
    existing = admin.list_topics(timeout=_TIMEOUT_S).topics
    check_partitions(existing, kafka.partitions)
    new = [spec for name, spec in topics().items() if name not in existing]
    created = admin.create_topics([_new_topic(spec, kafka) for spec in new]) if new else {}
    made = [name for name, future in created.items() if _made(name, future.exception(_TIMEOUT_S))]
    _configure(admin, kafka)
    return made


def register_schemas(registry: HttpRegistry) -> None:
    """Register the shipped schema of every record under its subject, and set the subjects' compatibility."""
    for spec in topics().values():
        for record in spec.records:
            registry.register(subject_of(record), schema_text(record))
    registry.set_compatibility()


def check_partitions(existing: Mapping[str, TopicMetadata], wanted: int) -> None:
    """Hold the topics a broker has against the partition count of the settings.

    Raises:
        PartitionMismatchError: a topic has another count.
    """
    for name in topics().keys() & existing.keys():
        found = len(existing[name].partitions)
        if found != wanted and existing[name].error is None:
            raise PartitionMismatchError(
                f"topic {name} has {found} partitions, but the settings ask for {wanted}. "
                f"The count is fixed at first start: set AFORO_KAFKA__PARTITIONS={found}."
            )


def _new_topic(spec: TopicSpec, kafka: KafkaSettings) -> NewTopic:
    return NewTopic(
        spec.name,
        num_partitions=kafka.partitions,
        replication_factor=kafka.replication,
        config=config_of(spec, kafka),
    )


def _configure(admin: AdminClient, kafka: KafkaSettings) -> None:
    wanted = [
        ConfigResource(
            ResourceType.TOPIC,
            spec.name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in config_of(spec, kafka).items()
            ],
        )
        for spec in topics().values()
    ]
    for future in admin.incremental_alter_configs(wanted).values():
        future.result(_TIMEOUT_S)


def _made(name: str, error: BaseException | None) -> bool:
    """Whether this process created the topic; another may have done so meanwhile, anything else is an error."""
    if error is None:
        return True
    if isinstance(error, KafkaException) and error.args[0].name() == "TOPIC_ALREADY_EXISTS":
        return False
    raise RuntimeError(f"topic {name} could not be created: {error}") from error
