"""The faults: each strikes an installation and mends what nothing else would mend.

A fault is a generator that tells every blow when it has fallen and goes on when the installation has caught up.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from random import Random
from typing import NamedTuple, TypeAlias

import psycopg2
from confluent_kafka.admin import AdminClient

from infra.local.service import Service
from schemas.topics import CAMERA_LOG
from stream_processors.runtime.fail_points import EXIT_STATUS, FailPoint
from stream_processors.runtime.faust_app import SESSION_TIMEOUT_S
from tests.chaos.installation import Installation
from tests.chaos.traffic import Traffic
from tests.chaos.workers import Worker

LONGEST_PAUSE_S = 4.0
# How likely a worker ends at a place each time it gets there, so that it has partitions and works a little before: some are
# passed with every record, some with every batch, some once a second.
CHANCES: dict[str, dict[FailPoint, float]] = {
    "cameras": {
        "after-decode": 0.02,
        "after-fold": 0.02,
        "before-outputs": 0.2,
        "after-outputs": 0.2,
        "before-snapshot": 0.15,
        "after-snapshot": 0.15,
        "before-ack": 0.15,
        "after-ack": 0.15,
        "at-revocation": 1.0,
    },
    "projector": {"in-transaction": 0.1, "after-rows": 0.1, "after-ack": 0.1},
}
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aforo-projector'"


class Blow(NamedTuple):
    """What was struck, and since when Aforo could recover from it (time.monotonic()): a server must be back for that."""

    what: str
    at: float


@dataclass(slots=True)
class Scene:
    """What a fault may touch. The `fail_points` of each app come in turn, so that a long run has them all."""

    site: Installation
    traffic: Traffic
    random: Random
    fail_points: dict[str, Iterator[FailPoint]]

    def pause(self) -> None:
        """Let some seconds' worth of records be sent."""
        wanted = self.traffic.sent.records + int(self.random.uniform(0, LONGEST_PAUSE_S) * self.traffic.frames_per_s)
        self.site.until(lambda: self.traffic.has_sent(wanted), "more records to be sent")

    def worker(self, app: str = "") -> Worker:
        """One of them, or one of an app."""
        return self.random.choice([worker for worker in self.site.workers if worker.name.startswith(app)])

    def chance(self) -> bool:
        """One time in two."""
        return self.random.random() < 0.5


Fault: TypeAlias = Callable[[Scene], Iterator[Blow]]


def _kill(scene: Scene, app: str) -> Iterator[Blow]:
    worker, at = scene.worker(app), time.monotonic()
    worker.kill()
    if scene.chance():
        yield Blow(f"{worker.name}, the other takes over", at)
        worker.start()
    else:
        worker.start()
        yield Blow(f"{worker.name}, started again at once", at)


def _terminate(scene: Scene, app: str) -> Iterator[Blow]:
    worker, at = scene.worker(app), time.monotonic()
    status = worker.stop()
    took = time.monotonic() - at
    worker.start()
    yield Blow(f"{worker.name}, ended in {took:.1f} s with status {status}, started again", at)


def _freeze(scene: Scene, app: str) -> Iterator[Blow]:
    """Longer than the session time-out, so that it wakes up when its partitions are another's."""
    scene.site.until(scene.site.all_take_part, "all workers to take part")
    worker, at = scene.worker(app), time.monotonic()
    os.kill(worker.pid, signal.SIGSTOP)
    yield Blow(f"{worker.name} stands still, the other takes over", at)
    scene.site.until(lambda: time.monotonic() > at + SESSION_TIMEOUT_S + 1, "the session to time out")
    os.kill(worker.pid, signal.SIGCONT)
    yield Blow(f"{worker.name} wakes up", time.monotonic())


def _fail_point(scene: Scene, app: str) -> Iterator[Blow]:
    """A worker that ends at a certain step; at a revocation, when another one's restart has called for it."""
    worker, place = scene.worker(app), next(scene.fail_points[app])
    before = worker.endings[EXIT_STATUS]
    worker.stop()
    worker.start(AFORO_TEST_FAIL_POINTS=f"{place}:{CHANCES[app][place]}")
    if place == "at-revocation":
        scene.site.until(scene.site.all_take_part, "all workers to take part")
        for other in {*scene.site.cameras} - {worker}:
            other.stop()
            other.start()
    scene.site.until(lambda: worker.endings[EXIT_STATUS] > before, f"{worker.name} to get to {place}")
    yield Blow(f"{worker.name} {place}", time.monotonic())


def _server(scene: Scene, service: Service) -> Iterator[Blow]:
    """A server away for a while; one time in two a worker dies meanwhile and is started while it is away."""
    at = time.monotonic()
    scene.site.kill(service)
    dies = scene.worker() if scene.chance() else None
    if dies is not None:
        dies.kill()
        scene.pause()
        dies.start()
    scene.pause()
    scene.site.restart(service)
    died = f", {dies.name} died and was started meanwhile" if dies else ""
    yield Blow(f"{service.daemon.name} was away for {time.monotonic() - at:.1f} s{died}", time.monotonic())


def _leader(scene: Scene) -> Iterator[Blow]:
    """The leader of a partition of the log."""
    admin = AdminClient(scene.site.settings.kafka.client() | {"log_level": 2})
    partitions = admin.list_topics(CAMERA_LOG, timeout=15).topics[CAMERA_LOG].partitions
    leader = scene.random.choice(list(partitions.values())).leader
    yield from _server(scene, scene.site.brokers[leader - 1])


def _cut_kafka(scene: Scene) -> Iterator[Blow]:
    at = time.monotonic()
    yield Blow(f"{scene.random.choice(scene.site.kafka_relays).cut()} connections", at)


def _cut_database(scene: Scene) -> Iterator[Blow]:
    at = time.monotonic()
    yield Blow(f"{scene.site.database_relay.cut()} connections", at)


def _terminate_sessions(scene: Scene) -> Iterator[Blow]:
    at = time.monotonic()
    connection = psycopg2.connect(scene.site.database.url())
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(TERMINATE)
            yield Blow(f"{cursor.rowcount} sessions", at)
    finally:
        connection.close()


FAULTS: dict[str, Fault] = {
    "kill -9 of a cameras worker": partial(_kill, app="cameras"),
    "kill -9 of a projector": partial(_kill, app="projector"),
    "SIGTERM to a cameras worker": partial(_terminate, app="cameras"),
    "SIGTERM to a projector": partial(_terminate, app="projector"),
    "SIGSTOP of a cameras worker": partial(_freeze, app="cameras"),
    "SIGSTOP of a projector": partial(_freeze, app="projector"),
    "fail point of a cameras worker": partial(_fail_point, app="cameras"),
    "fail point of a projector": partial(_fail_point, app="projector"),
    "kill -9 of a broker": _leader,
    "connections to a broker cut": _cut_kafka,
    "kill -9 of the database": lambda scene: _server(scene, scene.site.database),
    "connections to the database cut": _cut_database,
    "sessions of the database ended": _terminate_sessions,
    "kill -9 of the registry": lambda scene: _server(scene, scene.site.registry),
}
# Of a round; a cameras worker has three times as many fail points as a projector.
ROUND = (*FAULTS, *2 * ("fail point of a cameras worker",))


def schedule(random: Random, kinds: tuple[str, ...] = ROUND) -> Iterator[str]:
    """Round after round of all kinds, each in an order of its own."""
    while True:
        yield from random.sample(kinds, len(kinds))


def fail_points(random: Random) -> dict[str, Iterator[FailPoint]]:
    """Those of each app, one after the other, for ever."""
    return {app: cycle(random.sample(list(chances), len(chances))) for app, chances in CHANCES.items()}
