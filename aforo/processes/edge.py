"""The edge process."""

import signal
import threading

from aforo.processes import metrics, waiting
from aforo.settings import Settings
from producers.edge import run_edge
from producers.publisher import KafkaCameraLog
from schemas.registry import HttpRegistry


def run(settings: Settings) -> None:
    """Run the cameras of this machine until SIGTERM or SIGINT, or until their recordings are over."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics.serve(settings.process)
    waiting.kafka_with_topics(settings.kafka)
    log = KafkaCameraLog(settings.kafka, waiting.wire(HttpRegistry(settings.registry.url)))
    try:
        run_edge(settings.edge, log, stop)
    finally:
        log.close()
