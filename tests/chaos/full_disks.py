"""Disks that run full under a broker or a database: small ones of memory, and the faults that fill them.

Only root may mount them, so these faults are in no round.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg2

from infra.local.kafka import Kafka
from infra.local.service import Service
from infra.local.timescale import Timescale
from tests.chaos.faults import Blow, Fault, Scene
from tests.local_stack import settings_for_tests

SIZE = "400m"
BLOCK = bytes(64 * 1024)
FULL_FOR_S = 10.0
USE_UP_THE_LOG = "SELECT pg_current_xact_id(), pg_switch_wal()"

CAP_SYS_ADMIN = 21  # capabilities(7)


def may_mount() -> bool:
    """Whether this process may; root of a container often may not."""
    fields = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return bool(int(fields["CapEff"], 16) >> CAP_SYS_ADMIN & 1)


@contextmanager
def small_disks(folder: Path) -> Iterator[None]:
    """The data folders of an installation that is to be in `folder`, each on a small disk."""
    settings = settings_for_tests(folder)
    with ExitStack() as mounted:
        for service in (Timescale(settings), Kafka(settings)):
            if not service.software.is_dir():
                service.install()
            with service.daemon.lock():
                service.prepare()
            mounted.enter_context(_mounted(folder / service.daemon.name))
        yield


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    """A small disk in the place of a folder, with what is in there."""
    original = folder.rename(folder.with_name(f"{folder.name}.original"))
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
    try:
        _run("cp", "-a", f"{original}/.", str(folder))
        yield
    finally:
        _run("umount", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _ballast(scene: Scene, service: Service) -> Path:
    return scene.site.settings.local.data_dir / service.daemon.name / "ballast"


def _fill(ballast: Path) -> None:
    """Take all the room there is."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(BLOCK):
                pass
        except OSError:  # full
            return


@contextmanager
def _full(scene: Scene, service: Service) -> Iterator[None]:
    """Its disk is full while the context lasts; then there is room, and it is started if it ended."""
    ballast = _ballast(scene, service)
    _fill(ballast)
    yield
    ended = time.monotonic() + FULL_FOR_S
    scene.site.until(lambda: time.monotonic() > ended, "some time to pass")
    ballast.unlink()
    scene.site.restart(service)


def _broker(scene: Scene) -> Iterator[Blow]:
    broker = scene.site.brokers[0]
    began = time.monotonic()
    with _full(scene, broker):
        scene.site.until(lambda: broker.daemon.identity() is None, "the broker to end")
        ended_s = time.monotonic() - began
    yield Blow(f"the broker ended after {ended_s:.1f} s", time.monotonic())


def _database(scene: Scene) -> Iterator[Blow]:
    """First only its tables cannot grow, then its own log cannot."""
    database = scene.site.database
    with _full(scene, database):
        scene.site.until(partial(_says_full, scene), "a projector to be told")
    yield Blow("a table could not grow", time.monotonic())
    with _full(scene, database):
        scene.site.until(lambda: not _goes_on(database), "its log to be full")
    yield Blow("its log could not grow", time.monotonic())


def _says_full(scene: Scene) -> bool:
    return any("DiskFull" in projector.last_words() for projector in scene.site.projectors)


def _goes_on(database: Timescale) -> bool:
    """Make it begin another file of its log."""
    try:
        connection = psycopg2.connect(database.url("postgres"), connect_timeout=5)
    except psycopg2.OperationalError:
        return False
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(USE_UP_THE_LOG)
    except psycopg2.OperationalError:
        return False
    finally:
        connection.close()
    return True


FULL_DISKS: dict[str, Fault] = {"full disk of the broker": _broker, "full disk of the database": _database}
