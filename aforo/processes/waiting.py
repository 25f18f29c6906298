"""Waiting for what a process needs before it starts: says what it waits for, and goes on by itself when it is there."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.provision import check_partitions
from schemas.registry import HttpRegistry, RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.topics import topics
from schemas.wire import Wire

RETRY_S = 1.0
SAY_AGAIN_AFTER_S = 10.0

log = structlog.get_logger()
Result = TypeVar("Result")


def wait_for(what: str, attempt: Callable[[], Result], *errors: type[Exception]) -> Result:
    """The result of `attempt` as soon as it raises none of `errors`; says at first and every 10 s what is missing."""
    said_at = -SAY_AGAIN_AFTER_S
    while True:
        try:
            result = attempt()
        except errors as error:
            if time.monotonic() - said_at >= SAY_AGAIN_AFTER_S:
                said_at = time.monotonic()
                log.warning("waiting", service=what, reason=str(error))
            time.sleep(RETRY_S)
        else:
            if said_at > 0:
                log.info("no longer waiting", service=what)
            return result


def kafka_with_topics(kafka: KafkaSettings) -> None:
    """Return when the broker answers and `aforo init` has created every topic.

    Raises:
        PartitionMismatchError: a topic has another partition count than the settings; waiting would not help.
    """

    def probe() -> None:
        found = AdminClient(kafka.client() | {"log_level": 0}).list_topics(timeout=5).topics
        if missing := topics().keys() - found.keys():
            raise ConnectionError(f"{kafka.bootstrap} lacks {len(missing)} topics; run `aforo init` once")
        check_partitions(found, kafka.partitions)

    wait_for(f"Kafka at {kafka.bootstrap}", probe, KafkaException, ConnectionError)


def wire(registry: HttpRegistry) -> Wire:
    """A wire format that knows the ids of every shipped schema."""
    made = Wire(registry)
    wait_for(f"the schema registry at {registry.url}", made.preload, RegistryUnavailableError)
    return made
