"""Several workers of one kind on this machine, each a process of its own: the parent starts, restarts and stops them.

It knows nothing of what they do. Workers on other machines need no word from it: the consumer group divides the work.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from aforo.processes import metrics
from infra.local.tools import tied_to_us
from stream_processors.runtime.exits import REFUSED_TO_START, STOP_WITHIN_S
from stream_processors.settings import ProcessSettings

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STEADY_AFTER_S = 60.0
KILL_AFTER_S = STOP_WITHIN_S + 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def workers_of(kind: str, count: int, settings: ProcessSettings) -> Iterator[Worker]:
    """`aforo process KIND`, each with an instance name and a metrics port of its own where there is one."""
    for number in range(count):
        own = {}
        if settings.instance:
            own["AFORO_PROCESS__INSTANCE"] = f"{settings.instance}-{number}"
        if settings.metrics_port:
            own["AFORO_PROCESS__METRICS_PORT"] = str(settings.metrics_port + number)
        yield Worker(f"{kind}-{number}", [sys.executable, "-m", "aforo", "process", kind], {**os.environ, **own})


def run(kind: str, count: int, settings: ProcessSettings) -> int:
    """Keep workers running until SIGTERM or SIGINT, or until none is left; returns the worst exit status.

    Its own metrics are on the port after theirs.
    """
    metrics.serve(settings, above=count)
    return asyncio.run(keep(list(workers_of(kind, count, settings))))


async def keep(workers: Sequence[Worker]) -> int:
    """The same for any processes. One that ends well is left alone; one that refuses to start ends them all."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return max(await asyncio.gather(*(_keep(worker, stop) for worker in workers)))


async def _keep(worker: Worker, stop: asyncio.Event) -> int:
    now = asyncio.get_running_loop().time
    crashes = 0
    while True:
        began = now()
        status = await _run(worker, stop)
        if status == REFUSED_TO_START:
            stop.set()
        if stop.is_set() or status == 0:
            return status
        crashes = crashes + 1 if now() - began < STEADY_AFTER_S else 0
        delay = restart_delay_s(crashes)
        log.error("a worker ended and will be started again", worker=worker.name, status=status, delay_s=delay)
        if await _within(delay, stop):
            return status
        metrics.WORKER_RESTARTS.labels(worker=worker.name).inc()


async def _run(worker: Worker, stop: asyncio.Event) -> int:
    """The exit status of one run; on `stop` the worker is asked to end, and killed if it does not."""
    child = await asyncio.create_subprocess_exec(*tied_to_us("TERM"), *worker.command, env=worker.environment)
    ended = asyncio.create_task(child.wait())
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not ended.done():
        child.terminate()
        await asyncio.wait({ended}, timeout=KILL_AFTER_S)
    if not ended.done():
        child.kill()
    return _status(await ended, asked=stop.is_set())


def restart_delay_s(crashes: int) -> float:
    """How long to wait after so many early ends in a row: a moment, then longer each time."""
    return min(FIRST_DELAY_S * (1 << crashes), LONGEST_DELAY_S)


def _status(returncode: int, *, asked: bool) -> int:
    """In a shell's words; one that was asked to end before it could listen ended well."""
    if asked and returncode == -signal.SIGTERM:
        return 0
    return 128 - returncode if returncode < 0 else returncode


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
