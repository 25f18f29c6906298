"""Several workers under one parent: which of them are started again, and how all of them end."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from aforo.processes import metrics, supervisor
from aforo.processes.supervisor import LONGEST_DELAY_S, Worker, keep, restart_delay_s, workers_of
from stream_processors.runtime.exits import REFUSED_TO_START
from stream_processors.settings import ProcessSettings


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)


def worker(program: str, name: str = "worker") -> Worker:
    return Worker(name, [sys.executable, "-c", program], os.environ)


def tally(file: Path, then: str) -> Worker:
    """A worker that leaves a line behind each time it runs, then does something."""
    return worker(f"import os, sys, time; n = open({str(file)!r}, 'a+'); n.write('.'); n.close(); {then}")


def runs(file: Path) -> int:
    return len(file.read_text()) if file.exists() else 0


def restarts(name: str) -> float:
    return REGISTRY.get_sample_value("aforo_worker_restarts_total", {"worker": name}) or 0.0


def waiting(file: Path, status: int = 0) -> Worker:
    """A worker that leaves a line behind and then waits to be asked to end."""
    end = f"import signal; signal.signal(signal.SIGTERM, lambda *_: os._exit({status}))"
    return worker(f"import os; {end}; open({str(file)!r}, 'a+').write('.'); signal.pause()")


async def stopped_when(files: Sequence[Path], *workers: Worker) -> int:
    """Keep workers until the files are there, then stop this process as an operator would."""
    kept = asyncio.create_task(keep(workers))
    while not all(map(os.path.exists, files)) and not kept.done():  # noqa: ASYNC110 - other processes write them
        await asyncio.sleep(0.01)
    if not kept.done():
        os.kill(os.getpid(), signal.SIGTERM)
    return await kept


def test_one_that_crashes_is_started_again_until_it_ends_well(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    crashing = tally(file, f"sys.exit(0 if os.path.getsize({str(file)!r}) == 3 else 1)")
    before = restarts(crashing.name)
    assert asyncio.run(keep([crashing])) == 0
    assert runs(file) == 3
    assert restarts(crashing.name) - before == 2


def test_one_that_ends_well_is_left_alone_while_others_go_on(tmp_path: Path) -> None:
    file, other = tmp_path / "done", tmp_path / "other"
    assert asyncio.run(stopped_when([other, file], tally(file, "sys.exit(0)"), waiting(other))) == 0
    assert runs(file) == 1


def test_a_stop_reaches_every_worker_and_the_worst_status_is_the_parents(tmp_path: Path) -> None:
    file, other = tmp_path / "runs", tmp_path / "other"
    assert asyncio.run(stopped_when([other, file], waiting(other), waiting(file, 3))) == 3


def test_one_that_refuses_to_start_ends_them_all_and_is_not_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    refusing = tally(file, f"sys.exit({REFUSED_TO_START})")
    assert asyncio.run(keep([refusing, waiting(tmp_path / "other")])) == REFUSED_TO_START
    assert runs(file) == 1


def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "KILL_AFTER_S", 0.1)
    file = tmp_path / "runs"
    deaf = worker(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"open({str(file)!r}, 'w').close()\nwhile True: signal.pause()"
    )
    assert asyncio.run(stopped_when([file], deaf)) == 128 + signal.SIGKILL


def test_a_stop_does_not_wait_for_a_worker_that_is_about_to_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 3_600.0)
    monkeypatch.setattr(supervisor, "LONGEST_DELAY_S", 3_600.0)
    file = tmp_path / "runs"
    deaf = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN)"  # it crashes, however early the stop comes
    )
    crashing = worker(f"{deaf}; open({str(file)!r}, 'a+').write('.'); sys.exit(5)")
    assert asyncio.run(stopped_when([file], crashing)) == 5
    assert runs(file) == 1


@given(st.integers(0, 1_000))
def test_the_wait_grows_to_a_limit(crashes: int) -> None:
    assert restart_delay_s(crashes) <= restart_delay_s(crashes + 1) <= LONGEST_DELAY_S


def test_workers_have_names_and_ports_of_their_own() -> None:
    settings = ProcessSettings(instance="host-a", metrics_port=9_000)
    found = list(workers_of("cameras", 2, settings))
    assert [each.command[-2:] for each in found] == [["process", "cameras"]] * 2
    assert [each.environment["AFORO_PROCESS__INSTANCE"] for each in found] == ["host-a-0", "host-a-1"]
    assert [each.environment["AFORO_PROCESS__METRICS_PORT"] for each in found] == ["9000", "9001"]


@pytest.mark.parametrize(("port", "served"), [(9_000, [9_002]), (0, [])])
def test_the_parents_own_metrics_are_on_the_port_after_those_of_its_workers(
    monkeypatch: pytest.MonkeyPatch, port: int, served: list[int]
) -> None:
    ports: list[int] = []
    monkeypatch.setattr(metrics, "start_http_server", lambda port, addr: ports.append(port) if addr else None)
    monkeypatch.setattr(supervisor, "workers_of", lambda *_: [worker("")])
    assert supervisor.run("cameras", 2, ProcessSettings(metrics_port=port)) == 0
    assert ports == served


def test_without_a_name_every_worker_is_a_new_member() -> None:
    (one,) = workers_of("projector", 1, ProcessSettings())
    assert one.environment == os.environ


def test_one_that_is_asked_to_end_before_it_listens_ended_well(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    assert (
        asyncio.run(stopped_when([file], worker(f"open({str(file)!r}, 'w').close(); import time; time.sleep(60)"))) == 0
    )
