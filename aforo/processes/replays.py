"""The process that carries out replay runs."""

import os
import signal
import threading

from aforo.processes import keys, metrics, waiting
from aforo.processes.init import DATABASE_WAIT_S
from aforo.settings import Settings, database_url
from infra.timescale.migrate import upgrade
from schemas.registry import HttpRegistry
from stream_processors.agents.replays import run_replays
from stream_processors.replay.engine import Log

GIVES_WAY = 10  # what is live goes first


def run(settings: Settings) -> None:
    """Carry out replay runs until SIGTERM or SIGINT; one that is under way then is begun anew by whoever comes next."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    os.nice(GIVES_WAY)
    metrics.serve(settings.process)
    waiting.kafka_with_topics(settings.kafka)
    upgrade(database_url(settings), wait_s=DATABASE_WAIT_S)
    wire = waiting.wire(HttpRegistry(settings.registry.url))
    log = Log(settings.kafka, settings.registry.url)
    run_replays(log, wire, keys.signer(settings), database_url(settings), stopping)
