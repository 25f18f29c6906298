"""The process that folds camera logs."""

from aforo.processes import keys, metrics, waiting
from aforo.settings import Settings
from schemas.registry import HttpRegistry
from stream_processors.agents.cameras import cameras_app
from stream_processors.runtime.faust_app import run_worker


def run(settings: Settings) -> None:
    """Fold camera logs until SIGTERM."""
    metrics.serve(settings.process)
    waiting.kafka_with_topics(settings.kafka)
    app = cameras_app(
        settings.kafka,
        waiting.wire(HttpRegistry(settings.registry.url)),
        keys.signer(settings),
        keys.verifier(settings),
        instance=settings.process.instance,
        silent_after_s=settings.process.silent_after_s,
    )
    run_worker(app)
