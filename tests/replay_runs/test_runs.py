"""Replay runs on a real broker and database: asked for, compared, adopted, adopted again over a part of the range, dropped."""

import pytest

from graphql_api.sql.replay_runs import ADOPT, DROP
from schemas.events import RangeRestated
from schemas.topics import TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.errors import TransientError
from stream_processors.runs import adoption, publishing
from stream_processors.runs.run import AbandonedError
from stream_processors.runs.sink import RunSinks
from stream_processors.runs.store import RESULTS, RunStore
from stream_processors.runtime import reading
from tests.domain.walks import (
    BORN,
    DESK,
    MINUTE,
    START,
    configure,
    define,
    every,
    film,
    square,
    standing,
    unseen,
)
from tests.projections.databases import query
from tests.projections.site import eventually
from tests.replay_runs.installation import Installation, zones
from tests.replay_runs.scenes import GONE, LEFT, SOFA, STEP, STOP, WIDER, a_walk

pytestmark = pytest.mark.integration

AT_DESK = ("desk", BORN, LEFT - BORN, 0, 1, False)


def person_ms(installation: Installation) -> int:
    ((total,),) = query(installation.database, "SELECT sum(person_ms)::bigint FROM current_zone_minutes")
    return int(total)


def test_a_run_shows_what_other_zones_would_have_changed_and_changes_nothing(installation: Installation) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    run = installation.run(run_id)
    assert run["summary"]["changes"] == {"LONGER": 1}
    assert run["summary"]["after"]["dwell_ms"] - run["summary"]["before"]["dwell_ms"] == GONE - LEFT
    hours = query(installation.database, "SELECT zone_id, before, after FROM run_hour_differences")
    assert [(zone, before["person_ms"], after["person_ms"]) for zone, before, after in hours] == [
        ("desk", LEFT - BORN, 100_000)
    ]
    assert installation.visits() == [AT_DESK]
    assert installation.restated(ZONE_VISITS) == []


def test_a_run_with_nothing_changed_says_what_was_said_live(installation: Installation) -> None:
    installation.live(a_walk())
    summary = installation.run(installation.done(START, STOP))["summary"]
    assert summary["changes"] == {"SAME": 1}
    assert summary["before"] == summary["after"]


def test_an_adopted_run_holds_what_it_replaced_can_be_asked_for_and_a_later_one_holds_where_they_overlap(
    installation: Installation,
) -> None:
    installation.live(a_walk())
    first = installation.done(START, STOP, zones=zones(WIDER))
    installation.ask(first, ADOPT)
    installation.work()
    assert (installation.run(first)["state"], installation.run(first)["error"]) == ("ADOPTED", None)
    wide = ("desk", BORN, 100_000, 1, -1, True)
    assert installation.visits() == [wide]
    assert installation.visits("zone_visits_before(1)") == [AT_DESK]
    assert person_ms(installation) == 100_000

    second = installation.request(START + MINUTE, STOP, zones=zones(DESK, SOFA))
    installation.work()
    installation.ask(second, ADOPT)
    installation.work()
    assert installation.run(second)["state"] == "ADOPTED"
    assert installation.visits() == [wide, ("sofa", LEFT, GONE - LEFT, 2, -2, True)]
    assert installation.visits("zone_visits_before(2)") == [wide]
    assert person_ms(installation) == (START + MINUTE - BORN) + (GONE - (START + MINUTE))
    assert query(
        installation.database, "SELECT kind, zones_revision FROM zones WHERE zones_revision < 0 ORDER BY 2, 1"
    ) == [("REST", -2), ("WORK", -2), ("WORK", -1)]

    installation.ask(second, DROP)
    installation.work()
    assert installation.run(second)["state"] == "DROPPED"
    assert [
        query(installation.database, f"SELECT count(*) FROM {each} WHERE run_id = %s", second) for each in RESULTS
    ] == [[(0,)]] * len(RESULTS)
    assert installation.visits() == [wide, ("sofa", LEFT, GONE - LEFT, 2, -2, True)]


def test_facts_come_before_the_mark_that_makes_them_count_in_the_cameras_own_partition(
    installation: Installation,
) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    installation.ask(run_id, ADOPT)
    installation.work()
    for topic, facts in ((ZONE_VISITS, ["ZoneEntered", "ZoneExited"]), (ZONE_MINUTES, ["ZoneMinuteMeasured"] * 3)):
        *before, mark = installation.restated(topic)
        assert [type(each).__name__ for each in before] == facts
        assert isinstance(mark, RangeRestated)
        assert (mark.run_id, mark.restatement, mark.range_from, mark.range_to) == (run_id, 1, START, STOP)
        assert mark.position.partition == installation.partition
    assert installation.restated(TRACKS) == []


def test_other_tracker_settings_restate_tracks_too(installation: Installation) -> None:
    away = BORN + 20_000
    times = [*every(STEP, START, away), *every(STEP, away + 1_500, STOP + 10_000)]
    person = unseen(standing(0.5, 0.5), STOP - 10_000, STOP + 20_000)
    installation.live([define(DESK), configure(max_gap_ms=1_000), *film(times, person)])
    assert len(installation.visits()) == 2
    run_id = installation.done(START, STOP, parameters={"max_gap_ms": 5_000})
    assert installation.run(run_id)["summary"]["changes"] == {"LONGER": 1, "REMOVED": 1}
    installation.ask(run_id, ADOPT)
    installation.work()
    assert installation.run(run_id)["state"] == "ADOPTED", installation.run(run_id)["error"]
    assert query(installation.database, "SELECT count(*), max(restatement) FROM current_tracks") == [(1, 1)]
    assert query(installation.database, "SELECT count(*) FROM tracks_before(1)") == [(2,)]
    assert len(installation.visits()) == 1


def test_visits_that_are_still_open_keep_a_run_from_being_adopted(installation: Installation) -> None:
    installation.live([define(DESK), *film(every(STEP, START, STOP + 5_000), standing(0.5, 0.5))])
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    installation.ask(run_id, ADOPT)
    installation.work()
    run = installation.run(run_id)
    assert run["state"] == "DONE"
    assert f"not all of its range was decided yet at {installation.camera}, with 1 visits still open" in run["error"]
    assert installation.restated(ZONE_VISITS) == []


def test_results_that_are_not_what_the_run_said_are_not_adopted(installation: Installation) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    query(installation.database, "DELETE FROM run_facts WHERE record = 'ZoneExited'")
    installation.ask(run_id, ADOPT)
    installation.work()
    assert "its tables do not hold what it said" in installation.run(run_id)["error"]


def test_a_camera_that_does_not_answer_keeps_nobody_else_waiting_and_is_asked_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    installation.ask(run_id, ADOPT)
    other = installation.request(START, STOP)
    with installation.replays() as worker:  # nobody folds meanwhile
        monkeypatch.setattr(adoption, "ANSWERED_WITHIN_S", 0.0)
        with pytest.raises(TransientError):
            worker.work()
        assert f"waiting for {installation.camera}" in installation.run(run_id)["error"]
        assert worker.work()
    assert installation.run(other)["state"] == "DONE"
    monkeypatch.undo()
    installation.work()
    assert (installation.run(run_id)["state"], installation.run(run_id)["error"]) == ("ADOPTED", None)
    assert query(installation.database, "SELECT count(*) FROM camera_events WHERE type = 'RunAdopted'") == [(1,)]


def test_a_command_that_is_not_taken_keeps_a_run_from_being_adopted(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.live(a_walk())
    run_id = installation.done(START, STOP, zones=zones(WIDER))
    installation.ask(run_id, ADOPT)
    monkeypatch.setattr(publishing, "VALID_FOR_MS", -60_000)
    installation.work()
    run = installation.run(run_id)
    assert (run["state"], f"{installation.camera} refused it: EXPIRED" in run["error"]) == ("DONE", True)
    monkeypatch.undo()
    installation.ask(run_id, ADOPT)
    installation.work()
    assert installation.run(run_id)["state"] == "ADOPTED"


def test_a_run_waits_for_a_broker_that_is_away_and_says_so(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.live(a_walk())
    run_id = installation.request(START, STOP)
    away = installation.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})
    monkeypatch.setattr(reading, "_TIMEOUT_S", 1.0)
    with installation.replays(away) as worker, pytest.raises(TransientError):
        worker.work()
    run = installation.run(run_id)
    assert (run["state"], run["error"].startswith("it is begun again: ")) == ("RUNNING", True)
    installation.work()
    assert (installation.run(run_id)["state"], installation.run(run_id)["error"]) == ("DONE", None)


def test_a_range_nobody_saw_fails_and_says_so(installation: Installation) -> None:
    installation.live(a_walk())
    run_id = installation.request(START - 9 * MINUTE, START - 8 * MINUTE)
    installation.work()
    run = installation.run(run_id)
    assert run["state"] == "FAILED"
    assert f"no data of {installation.camera}" in run["error"]


def test_zones_that_cannot_be_used_fail_before_anything_is_folded(installation: Installation) -> None:
    installation.live(a_walk())
    bow = square("desk", 0.25, 0.25, 0.75, 0.75, polygon=((0, 0), (1, 1), (1, 0), (0, 1)))
    run_id = installation.request(START, STOP, zones=zones(bow))
    installation.work()
    run = installation.run(run_id)
    assert (run["state"], "zones[0].polygon: its edges cross" in run["error"]) == ("FAILED", True)


def test_a_run_belongs_to_one_worker_until_that_one_is_gone(installation: Installation) -> None:
    installation.live(a_walk())
    run_id = installation.request(START, STOP)
    first = RunStore(installation.database)
    taken = first.take()
    assert taken is not None
    assert taken.run_id == run_id
    with installation.replays() as second:
        assert not second.work()
        first.close()  # as the connection of a worker that dies
        eventually(second.work)
    assert installation.run(run_id)["state"] == "DONE"


def test_whoever_lost_a_run_to_another_try_writes_no_more(installation: Installation) -> None:
    installation.live(a_walk())
    run_id = installation.request(START, STOP)
    store = RunStore(installation.database)
    run = store.take()
    assert run is not None
    lost, _ = store.begin(run), store.begin(run)
    store.close()
    with pytest.raises(AbandonedError), RunSinks(installation.database, lost)(0) as sink:
        sink.checkpoint(b"")
    installation.work()
    assert installation.run(run_id)["state"] == "DONE"


def test_a_run_that_is_dropped_while_it_runs_ends(installation: Installation) -> None:
    run_id = installation.request(START, STOP)
    store = RunStore(installation.database)
    run = store.take()
    assert run is not None
    attempt = store.begin(run)
    query(installation.database, "UPDATE replay_runs SET state = 'DROP_REQUESTED'")
    with pytest.raises(AbandonedError):
        store.progress(attempt, 0.5)
    store.close()
    installation.work()
    assert installation.run(run_id)["state"] == "DROPPED"
