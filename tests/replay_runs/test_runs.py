"""Replay runs on a real broker and database: asked for, taken by one worker, compared, given up; the live numbers stay."""

import pytest

from schemas.topics import ZONE_VISITS
from stream_processors.projections.errors import TransientError
from stream_processors.runs.run import AbandonedError
from stream_processors.runs.sink import RunSinks
from stream_processors.runs.store import RunStore
from stream_processors.runtime import reading
from tests.domain.walks import BORN, MINUTE, START, square
from tests.projections.databases import query
from tests.projections.site import eventually
from tests.replay_runs.installation import Installation, zones
from tests.replay_runs.scenes import GONE, LEFT, STOP, WIDER

pytestmark = pytest.mark.integration

AT_DESK = ("desk", BORN, LEFT - BORN, 0, 1, False)


def test_a_run_shows_what_other_zones_would_have_changed_and_changes_nothing(walked: Installation) -> None:
    run_id = walked.done(START, STOP, zones=zones(WIDER))
    run = walked.run(run_id)
    assert run["summary"]["changes"] == {"LONGER": 1}
    assert run["summary"]["after"]["dwell_ms"] - run["summary"]["before"]["dwell_ms"] == GONE - LEFT
    hours = query(walked.database, "SELECT zone_id, before, after FROM run_hour_differences WHERE run_id = %s", run_id)
    assert [(zone, before["person_ms"], after["person_ms"]) for zone, before, after in hours] == [
        ("desk", LEFT - BORN, 100_000)
    ]
    assert walked.visits() == [AT_DESK]
    assert walked.restated(ZONE_VISITS) == []


def test_a_run_with_nothing_changed_says_what_was_said_live(walked: Installation) -> None:
    summary = walked.run(walked.done(START, STOP))["summary"]
    assert summary["changes"] == {"SAME": 1}
    assert summary["before"] == summary["after"]


def test_a_run_waits_for_a_broker_that_is_away_and_says_so(
    walked: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = walked.request(START, STOP)
    away = walked.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})
    monkeypatch.setattr(reading, "_TIMEOUT_S", 1.0)
    with walked.replays(away) as worker, pytest.raises(TransientError):
        worker.work()
    run = walked.run(run_id)
    assert (run["state"], run["error"].startswith("it is begun again: ")) == ("RUNNING", True)
    walked.work()
    assert (walked.run(run_id)["state"], walked.run(run_id)["error"]) == ("DONE", None)


def test_a_range_nobody_saw_fails_and_says_so(walked: Installation) -> None:
    run_id = walked.request(START - 9 * MINUTE, START - 8 * MINUTE)
    walked.work()
    run = walked.run(run_id)
    assert run["state"] == "FAILED"
    assert f"no data of {walked.camera}" in run["error"]


def test_zones_that_cannot_be_used_fail_before_anything_is_folded(walked: Installation) -> None:
    bow = square("desk", 0.25, 0.25, 0.75, 0.75, polygon=((0, 0), (1, 1), (1, 0), (0, 1)))
    run_id = walked.request(START, STOP, zones=zones(bow))
    walked.work()
    run = walked.run(run_id)
    assert (run["state"], "zones[0].polygon: its edges cross" in run["error"]) == ("FAILED", True)


def test_a_run_belongs_to_one_worker_until_that_one_is_gone(walked: Installation) -> None:
    run_id = walked.request(START, STOP)
    first = RunStore(walked.database)
    taken = first.take()
    assert taken is not None
    assert taken.run_id == run_id
    with walked.replays() as second:
        assert not second.work()
        first.close()  # as the connection of a worker that dies
        eventually(second.work)
    assert walked.run(run_id)["state"] == "DONE"


def test_whoever_lost_a_run_to_another_try_writes_no_more(walked: Installation) -> None:
    run_id = walked.request(START, STOP)
    store = RunStore(walked.database)
    run = store.take()
    assert run is not None
    lost, _ = store.begin(run), store.begin(run)
    store.close()
    with pytest.raises(AbandonedError), RunSinks(walked.database, lost)(0) as sink:
        sink.checkpoint(b"")
    walked.work()
    assert walked.run(run_id)["state"] == "DONE"


def test_a_run_that_is_dropped_while_it_runs_ends(walked: Installation) -> None:
    run_id = walked.request(START, STOP)
    store = RunStore(walked.database)
    run = store.take()
    assert run is not None
    attempt = store.begin(run)
    query(walked.database, "UPDATE replay_runs SET state = 'DROP_REQUESTED' WHERE run_id = %s", run_id)
    with pytest.raises(AbandonedError):
        store.progress(attempt, 0.5)
    store.close()
    walked.work()
    assert walked.run(run_id)["state"] == "DROPPED"
