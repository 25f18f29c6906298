"""Chaos on real processes and servers: nothing lost, nothing double; and the test of that test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.tools import ensure_tools
from tests.chaos.faults import ROUND
from tests.chaos.full_disks import FULL_DISKS, may_mount, small_disks
from tests.chaos.report import Report
from tests.chaos.run import Plan, run
from tests.local_stack import stack_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
SHORT = (
    "kill -9 of a cameras worker",
    "SIGTERM to a cameras worker",
    "SIGSTOP of a cameras worker",
    "fail point of a cameras worker",
    "kill -9 of the database",
    "kill -9 of a broker",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    ensure_tools(install=True, progress=print)
    with stack_folder() as folder:
        yield folder


@pytest.fixture
def folder_on_small_disks(folder: Path) -> Iterator[Path]:
    if not may_mount():
        pytest.skip("a small disk is mounted to be filled, which only root may do (CAP_SYS_ADMIN)")
    with small_disks(folder):
        yield folder


def assert_nothing_lost_nothing_double(report: Report) -> None:
    assert report.wrong == [], report.account.examples
    assert report.account.folded > 0
    assert report.account.refused.keys() > {"DUPLICATE", "LATE", "UNSIGNED"}
    assert report.account.rows["zone_visits"] > 0


def test_a_minute_of_chaos_loses_nothing_and_doubles_nothing(folder: Path) -> None:
    plan = Plan(seed=20, faults=len(SHORT), kinds=SHORT, frames_per_s=4)
    report = run(plan, folder, print)
    assert report.faults.keys() == set(SHORT)
    assert_nothing_lost_nothing_double(report)


def test_a_worker_that_acknowledges_too_early_is_found_out(folder: Path) -> None:
    plan = Plan(
        seed=21, faults=2, kinds=("kill -9 of a cameras worker",), mutation="ack-before-outputs", frames_per_s=4
    )
    report = run(plan, folder, print)
    assert report.account.lost > 0
    assert report.records.missing == 0, "the log itself is in order"


@pytest.mark.full
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("brokers", [1, 3])
def test_ten_minutes_of_chaos_lose_nothing_and_double_nothing(folder: Path, brokers: int) -> None:
    report = run(Plan(seed=22 + brokers, minutes=10, faults=30, kinds=ROUND, brokers=brokers), folder, print)
    assert report.faults.total() >= 30
    assert_nothing_lost_nothing_double(report)


@pytest.mark.full
@pytest.mark.parametrize("kind", FULL_DISKS)
def test_a_full_disk_loses_nothing_and_doubles_nothing(kind: str, folder_on_small_disks: Path) -> None:
    report = run(Plan(seed=30, faults=1, kinds=(kind,), frames_per_s=4), folder_on_small_disks, print)
    assert report.faults == {kind: 1}
    assert_nothing_lost_nothing_double(report)
