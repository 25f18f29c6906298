"""First start: topics, schemas, keys and tables."""

from confluent_kafka import KafkaException

from aforo.processes.keys import signer
from aforo.processes.waiting import wait_for
from aforo.settings import Settings, database_url
from infra.timescale.migrate import upgrade
from schemas.provision import create_topics, register_schemas
from schemas.registry import HttpRegistry, RegistryUnavailableError

DATABASE_WAIT_S = 3_600.0


def run(settings: Settings) -> list[str]:
    """Create what is missing; returns the topics that are new."""
    registry = HttpRegistry(settings.registry.url)
    kafka = settings.kafka
    created = wait_for(f"Kafka at {kafka.bootstrap}", lambda: create_topics(kafka), KafkaException)
    wait_for(f"the schema registry at {registry.url}", lambda: register_schemas(registry), RegistryUnavailableError)
    signer(settings)
    upgrade(database_url(settings), wait_s=DATABASE_WAIT_S)
    return created
