"""A worker that dies between any two steps: whoever comes next finishes the run, and nothing is lost, doubled or half done."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from graphql_api.sql.replay_runs import ADOPT
from schemas.topics import ZONE_MINUTES, ZONE_VISITS
from stream_processors.runs import adoption
from stream_processors.runtime.fail_points import EXIT_STATUS, FailPoint
from tests.domain.walks import START
from tests.projections.databases import query
from tests.replay_runs.installation import Installation, zones
from tests.replay_runs.scenes import STOP, WIDER, a_walk

pytestmark = pytest.mark.integration

STEPS: tuple[FailPoint, ...] = (
    "after-adoption-command", "after-adoption-answered", "after-restated-facts", "after-restatement-mark",
)  # fmt: skip


class Killed(BaseException):
    """A worker is gone."""


def test_a_process_that_dies_with_its_results_written_but_not_told_leaves_nothing_that_counts(
    installation: Installation, tmp_path: Path
) -> None:
    installation.live(a_walk())
    run_id = installation.request(START, STOP, zones=zones(WIDER))
    assert process(installation, tmp_path, "after-run-results") == EXIT_STATUS
    assert query(installation.database, "SELECT count(*) > 0 FROM run_facts") == [(True,)]
    assert installation.run(run_id)["state"] == "RUNNING"
    assert installation.run(run_id)["summary"] is None
    installation.work()
    assert installation.run(run_id)["state"] == "DONE"
    assert query(installation.database, "SELECT record, count(*) FROM run_facts GROUP BY 1 ORDER BY 1") == [
        ("ZoneEntered", 1), ("ZoneExited", 1), ("ZoneMinuteMeasured", 3),
    ]  # fmt: skip


def process(installation: Installation, folder: Path, fail_point: FailPoint) -> int:
    """The status with which a worker process ends that dies at this point."""
    own = {
        "AFORO_TEST_FAIL_POINTS": f"{fail_point}:1",
        "AFORO_SIGNING__PRIVATE_KEY": str(folder / "key.pem"),
        "AFORO_SIGNING__TRUSTED_KEYS": str(folder / "trusted"),
    }
    environment = os.environ | installation.environment() | own
    command = [sys.executable, "-m", "aforo", "process", "replays"]
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


def test_an_adoption_that_dies_after_any_step_is_finished_by_the_next_worker(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, aforo: Callable[..., Result]
) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    before = installation.visits()
    installation.ask(run_id, ADOPT)
    for step in STEPS:
        with monkeypatch.context() as patch, installation.replays() as worker, installation.running():
            patch.setattr(adoption, "reached", dies_at(step))
            with pytest.raises(Killed):
                worker.work()
        installation.catch_up()
        if step != "after-restatement-mark":
            assert installation.visits() == before
    installation.work()
    assert installation.run(run_id)["state"] == "ADOPTED"
    ((zone, _, dwell_ms, restatement, *_),) = installation.visits()
    assert (zone, dwell_ms, restatement) == ("desk", 100_000, 1)
    assert query(installation.database, "SELECT count(*) FROM camera_events WHERE type = 'RunAdopted'") == [(1,)]
    for topic, records in ((ZONE_VISITS, 3), (ZONE_MINUTES, 4)):
        facts = [each.value for each in installation.topic(topic) if installation.is_restated(each)]
        assert len(facts) > len(set(facts)) == records
    assert (
        "5 facts; all there, and what the log gives"
        in aforo("verify", "--camera", installation.camera, "--jobs", "1").output
    )


def dies_at(step: FailPoint) -> object:
    def reached(name: FailPoint) -> None:
        if name == step:
            raise Killed

    return reached
