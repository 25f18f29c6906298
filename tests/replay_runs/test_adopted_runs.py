"""Runs adopted on a real broker and database: what holds then, what was before, and what keeps a run from being adopted."""

import pytest

from graphql_api.sql.replay_runs import ADOPT, DROP
from schemas.events import RangeRestated
from schemas.topics import TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.errors import TransientError
from stream_processors.runs import adoption, publishing
from stream_processors.runs.store import RESULTS
from tests.domain.walks import BORN, DESK, MINUTE, START, configure, define, every, film, standing, unseen
from tests.projections.databases import query
from tests.replay_runs.installation import Installation, zones
from tests.replay_runs.scenes import GONE, LEFT, SOFA, STEP, STOP, WIDER, a_walk

pytestmark = pytest.mark.integration

AT_DESK = ("desk", BORN, LEFT - BORN, 0, 1, False)


def person_ms(installation: Installation) -> int:
    ((total,),) = query(installation.database, "SELECT sum(person_ms)::bigint FROM current_zone_minutes")
    return int(total)


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
