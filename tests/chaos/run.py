"""A run of chaos: many cameras, faults one after the other, and at the end the account of everything that was sent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from aforo.audit import audit
from aforo.audit.reading import records
from aforo.processes import keys
from schemas.topics import CAMERA_LOG
from tests.chaos import faults
from tests.chaos.faults import ROUND, Scene, fail_points, schedule
from tests.chaos.full_disks import FULL_DISKS
from tests.chaos.installation import Installation, Say
from tests.chaos.mishaps import Pen, Record
from tests.chaos.report import Report, Struck
from tests.chaos.sent import kept
from tests.chaos.traffic import Traffic, camera_log

FAULTS = {**faults.FAULTS, **FULL_DISKS}
# The film began so long ago: it runs faster than the clock, and must not get ahead of it.
BEGAN_AGO_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: until so many minutes and so many faults are over, whichever comes last."""

    seed: int
    minutes: float = 0.0
    faults: int = len(ROUND)
    kinds: tuple[str, ...] = ROUND
    brokers: int = 1
    mutation: str = ""
    cameras: int = 20
    frames_per_s: float = 8.0


def run(plan: Plan, folder: Path, say: Say) -> Report:
    """Run in `folder`, and return what it came to.

    Raises:
        NotRecoveredError: after a fault something did not come back.
    """
    with _installed(plan, folder, say) as site:
        began = time.monotonic()
        with Traffic(site.settings.kafka, _logs(plan, site), plan.frames_per_s) as traffic:
            struck = list(_storm(plan, site, traffic, say))
            sent = traffic.finish()
        say(f"{sent.records} records sent; waiting for everything to catch up")
        site.settle()
        seconds = time.monotonic() - began
        say("folding the whole log again and comparing")
        account = audit(site.settings.kafka, site.wire, keys.verifier(site.settings), site.database_url)
        log = records(site.settings.kafka, site.readers.ends([CAMERA_LOG]))
        endings = {worker.name: dict(worker.endings) for worker in site.workers}
        return Report(
            plan.seed, plan.brokers, plan.mutation, seconds, kept(sent, log, site.wire), account, struck, endings
        )


def _storm(plan: Plan, site: Installation, traffic: Traffic, say: Say) -> Iterator[Struck]:
    """One fault after the other, each when the installation has caught up after the one before."""
    site.until(lambda: bool(traffic.sent.acknowledged), "the broker to take records")
    site.until(site.all_take_part, "all workers to take part")
    site.until(site.caught_up(), "the first records to be folded and stored")
    scene = Scene(site, traffic, Random(plan.seed), fail_points(Random(plan.seed)))
    began = time.monotonic()
    for number, name in enumerate(schedule(Random(plan.seed), plan.kinds)):
        if number >= plan.faults and time.monotonic() - began >= plan.minutes * 60:
            return
        if scene.chance():  # else it strikes while they may still come and go
            site.until(site.all_take_part, "all workers to take part")
        for blow in FAULTS[name](scene):
            site.until(site.caught_up(), f"everything to catch up after {name}: {blow.what}")
            struck = Struck(number, name, blow.what, blow.at - began, time.monotonic() - blow.at)
            say(f"{struck.at_s:6.1f} s  {name}: {struck.what}; caught up after {struck.recovered_s:.1f} s")
            yield struck
        scene.pause()


@contextmanager
def _installed(plan: Plan, folder: Path, say: Say) -> Iterator[Installation]:
    site = Installation(folder, brokers=plan.brokers, mutation=plan.mutation)
    try:
        site.start(say)
        yield site
    finally:
        site.stop()


def _logs(plan: Plan, site: Installation) -> list[Iterator[list[Record]]]:
    pen = Pen(site.wire, keys.signer(site.settings), _now_ms, site.settings.kafka.partitions)
    begins_at = _now_ms() - BEGAN_AGO_MS
    return [camera_log(f"camera-{number:02}", plan.seed, begins_at, pen) for number in range(plan.cameras)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
