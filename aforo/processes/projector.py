"""The process that writes the database."""

from aforo.processes import metrics, waiting
from aforo.processes.init import DATABASE_WAIT_S
from aforo.settings import Settings, database_url
from infra.timescale.migrate import upgrade
from schemas.registry import HttpRegistry
from stream_processors.agents.projector import run_projector


def run(settings: Settings) -> None:
    """Write the database until SIGTERM."""
    metrics.serve(settings.process)
    waiting.kafka_with_topics(settings.kafka)
    upgrade(database_url(settings), wait_s=DATABASE_WAIT_S)
    wire = waiting.wire(HttpRegistry(settings.registry.url))
    run_projector(settings.kafka, wire, database_url(settings), instance=settings.process.instance)
