"""What the live workers could not fold comes back into the numbers: a run that judges again, adopted."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from graphql_api.sql.replay_runs import ADOPT
from stream_processors.agents import camera_fold
from stream_processors.domain.camera import CameraState, LogEntry, step
from tests.domain.walks import BORN, START
from tests.replay_runs.installation import Installation
from tests.replay_runs.scenes import LEFT, STOP, a_walk

pytestmark = pytest.mark.integration

FAULTY = range(BORN + 30_000, BORN + 38_000)


def test_frames_that_a_faulty_release_refused_count_once_a_run_that_judges_again_is_adopted(
    installation: Installation, aforo: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = step

    def faulty(state: CameraState, entry: LogEntry) -> Any:
        if getattr(entry.record, "observed_at", 0) in FAULTY:
            raise ZeroDivisionError("a bug")
        return right(state, entry)

    with monkeypatch.context() as release:
        release.setattr(camera_fold, "step", faulty)
        installation.live(a_walk())
    assert len(installation.visits()) == 2, "the gap ends the visit"
    as_it_was = installation.run(installation.done(START, STOP))
    assert set(as_it_was["summary"]["changes"]) == {"SAME"}
    judged = installation.done(START, STOP, parameters={"judge_again": True})
    installation.ask(judged, ADOPT)
    installation.work()
    assert installation.run(judged)["state"] == "ADOPTED"
    assert installation.visits() == [("desk", BORN, LEFT - BORN, 1, 1, True)]
    verified = aforo("verify", "--camera", installation.camera, "--jobs", "1")
    assert "all there, and what the log gives" in verified.output
