"""The edge process."""

import signal
import threading
from contextlib import ExitStack, closing
from functools import partial

from aforo import logs
from aforo.processes import metrics, waiting
from aforo.settings import Settings
from producers.clock import SystemClock
from producers.edge import run_edge
from producers.known_schemas import RememberingRegistry
from producers.publisher import SpooledCameraLog
from producers.remote import RemoteConfiguration
from producers.sender import KafkaSender
from schemas.registry import HttpRegistry, RegistryUnavailableError
from schemas.wire import Wire


def run(settings: Settings) -> None:
    """Run the cameras of this machine until SIGTERM or SIGINT, or until their recordings are over.

    It does not wait for the broker: what the cameras saw meanwhile is in the spool.
    """
    metrics.serve(settings.process)
    state_dir = settings.edge.state_dir or settings.local.data_dir / "edge"
    edge = settings.edge.model_copy(update={"state_dir": state_dir})
    wire = Wire(RememberingRegistry(HttpRegistry(settings.registry.url), state_dir / "schemas.json"))
    waiting.wait_for(f"the schema registry at {settings.registry.url}", wire.preload, RegistryUnavailableError)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sender = KafkaSender(settings.kafka)
    with ExitStack() as stack:
        log = stack.enter_context(
            closing(SpooledCameraLog(wire, sender, state_dir / "spool.db", edge.spool, SystemClock(stop)))
        )
        remote = None
        if edge.remote:
            follower = RemoteConfiguration(settings.kafka, wire, edge.site, state_dir / "configuration.json")
            remote = stack.enter_context(closing(follower)).cameras
        run_edge(edge, log, stop, remote=remote, prepare=partial(logs.configure, settings.log))
