"""The API process."""

from aforo.processes import keys
from aforo.settings import Settings, database_url
from graphql_api.app import create_app, serve
from schemas.registry import HttpRegistry


def run(settings: Settings) -> None:
    """Serve GraphQL and REST until SIGTERM; answers 503 while the database or Kafka is away."""
    registry = HttpRegistry(settings.registry.url)
    app = create_app(settings.api, settings.kafka, registry, keys.signer(settings), database_url(settings))
    serve(app, settings.api)
