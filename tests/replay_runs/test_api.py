"""Replay runs through GraphQL and REST: asked for, looked at, adopted and dropped; and what is wrong with a request, by its path."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from graphql_api.sql.cameras import cameras_by_id
from graphql_api.sql.replay_runs import ask as ask_run
from graphql_api.sql.replay_runs import request_run, run_by_id
from tests.api.doubles import services
from tests.domain.walks import BORN, START
from tests.replay_runs.asking import ask, execute, over, rest
from tests.replay_runs.installation import Installation, moment
from tests.replay_runs.scenes import GONE, LEFT, STOP, a_walk

RANGE = {"from": moment(START).isoformat(), "to": moment(STOP).isoformat()}
POLYGON = [{"x": x, "y": y} for x, y in ((0.25, 0.25), (1.0, 0.25), (1.0, 0.75), (0.25, 0.75))]
WIDER = {"zoneId": "desk", "name": "desk", "kind": "WORK", "polygon": POLYGON}
FAULTS = "userErrors { code message field }"
START_RUN = f"""mutation($input: ReplayStartInput!, $id: ID!) {{
  replayStart(input: $input, commandId: $id) {{ run {{ runId state from to zones {{ cameraId zones {{ zoneId }} }} }} {FAULTS} }} }}"""
RUN = """query($id: ID!) { replayRun(runId: $id) { state error progress cameraIds cameraIdsSeen approximate
  difference { total { before { personMs dwellMs } after { personMs dwellMs } difference { personMs dwellMs } }
    changes { change visits } sameVisits
    hours { nodes { cameraId zoneId hour before { visits } after { visits } difference { occupiedMs } } }
    visits { nodes { change before { enteredAt dwellMs } after { enteredAt dwellMs } } } }
  efficiency(bucket: "PT1M") { before { total { presentMs } } after { total { presentMs observedMs scheduledMs } } } } }"""
VISITS = """query($range: TimeRange!, $camera: ID!, $asOf: AsOf!) {
  zoneVisits(range: $range, filter: {cameraIds: [$camera]}, asOf: $asOf) {
    nodes { dwellMs restatedAt zonesRevision zone { zonesRevision polygon { x } } } } }"""
RESTATEMENTS = """query($range: TimeRange!, $camera: ID!) { restatements(cameraIds: [$camera], range: $range) {
    restatement from to topics run { runId } } }"""


def steered(action: str) -> str:
    return f"mutation($id: ID!) {{ {action}(runId: $id) {{ run {{ state }} {FAULTS} }} }}"


@pytest.mark.integration
def test_a_client_asks_for_a_run_looks_at_it_adopts_it_and_still_sees_what_was_measured(
    installation: Installation,
) -> None:
    installation.live(a_walk())
    run_id, camera = str(uuid.uuid4()), installation.camera
    span = {"range": RANGE, "camera": camera}
    with over(installation.database) as api:
        wanted = {"range": RANGE, "cameraIds": [camera], "zones": [{"cameraId": camera, "zones": [WIDER]}]}
        asked = ask(api, START_RUN, input=wanted, id=run_id)
        assert asked["userErrors"] == []
        assert (asked["run"]["runId"], asked["run"]["state"]) == (run_id, "REQUESTED")
        assert asked["run"]["zones"] == [{"cameraId": camera, "zones": [{"zoneId": "desk"}]}]
        assert ask(api, START_RUN, input={"range": RANGE}, id=run_id)["run"]["zones"] == asked["run"]["zones"]
        assert ask(api, RUN, id=run_id)["difference"] is None
        installation.work()

        run = ask(api, RUN, id=run_id)
        assert (run["state"], run["cameraIdsSeen"], run["approximate"]) == ("DONE", [camera], False)
        longer = GONE - LEFT
        assert run["difference"]["total"]["difference"] == {"personMs": longer, "dwellMs": longer}
        assert run["difference"]["changes"] == [{"change": "LONGER", "visits": 1}]
        (hour,) = run["difference"]["hours"]["nodes"]
        assert (hour["zoneId"], hour["difference"]) == ("desk", {"occupiedMs": longer})
        (visit,) = run["difference"]["visits"]["nodes"]
        assert [visit[side]["dwellMs"] for side in ("before", "after")] == [LEFT - BORN, GONE - BORN]
        before, after = (run["efficiency"][side]["total"] for side in ("before", "after"))
        assert (before["presentMs"], after["presentMs"]) == (LEFT - BORN, GONE - BORN)

        assert ask(api, steered("replayAdopt"), id=run_id)["run"]["state"] == "ADOPT_REQUESTED"
        refused = ask(api, steered("replayDrop"), id=run_id)["userErrors"]
        assert [(error["code"], error["field"]) for error in refused] == [("INVALID_STATE", ["runId"])]
        installation.work()
        assert ask(api, steered("replayAdopt"), id=run_id) == {"run": {"state": "ADOPTED"}, "userErrors": []}
        (now,) = ask(api, VISITS, **span, asOf="CURRENT")["nodes"]
        assert (now["dwellMs"], now["zonesRevision"], now["zone"]["zonesRevision"]) == (GONE - BORN, -1, -1)
        assert max(point["x"] for point in now["zone"]["polygon"]) == 1.0
        assert now["restatedAt"] is not None
        (live,) = ask(api, VISITS, **span, asOf="LIVE")["nodes"]
        assert (live["dwellMs"], live["restatedAt"]) == (LEFT - BORN, None)
        (correction,) = ask(api, RESTATEMENTS, **span)
        assert (correction["restatement"], correction["run"]) == (1, {"runId": run_id})
        assert correction["topics"] == ["aforo.zone-minutes.v1", "aforo.zone-visits.v1"]
        kept = ask(api, RUN, id=run_id)["efficiency"]
        assert [kept[side]["total"]["presentMs"] for side in ("before", "after")] == [LEFT - BORN, GONE - BORN]
        assert len(ask(api, "query($c: ID!) { zonesHistory(cameraId: $c) { revision } }", c=camera)) == 1

        assert ask(api, steered("replayDrop"), id=run_id)["run"]["state"] == "DROP_REQUESTED"
        installation.work()
        assert ask(api, RUN, id=run_id)["difference"] is None
        (still,) = ask(api, VISITS, **span, asOf="CURRENT")["nodes"]
        assert still == now


@pytest.mark.integration
def test_a_camera_without_zones_shows_what_it_would_say_with_some_in_a_runs_own_shifts(
    installation: Installation,
) -> None:
    installation.live(a_walk()[1:])
    camera, first = installation.camera, moment(START)
    wanted = {
        "range": RANGE, "cameraIds": [camera], "zones": [{"zones": [WIDER]}],
        "shifts": [{
            "weekday": first.isoweekday(), "start": f"{first:%H:%M}", "end": f"{first + timedelta(minutes=1):%H:%M}",
        }],
    }  # fmt: skip
    run_id = str(uuid.uuid4())
    with over(installation.database) as api:
        assert ask(api, START_RUN, input=wanted, id=run_id)["userErrors"] == []
        installation.work()
        found = ask(api, RUN, id=run_id)["efficiency"]
    assert found["before"]["total"]["presentMs"] is None
    assert found["after"]["total"] == {"presentMs": 59_000, "observedMs": 60_000, "scheduledMs": 60_000}


@pytest.mark.integration
def test_rest_says_the_same(installation: Installation) -> None:
    installation.live(a_walk())
    run_id, camera = str(uuid.uuid4()), installation.camera
    zone = {"zone_id": "desk", "name": "desk", "kind": "WORK", "polygon": POLYGON}
    body = {"command_id": run_id, "range": RANGE, "camera_ids": [camera], "zones": [{"zones": [zone]}]}
    with over(installation.database) as api, rest(api) as client:
        asked = client.post("/api/v1/replay-runs", json=body)
        assert (asked.status_code, asked.json()["state"], asked.json()["from"]) == (
            202,
            "REQUESTED",
            "2023-11-14T22:14:00Z",
        )
        early = client.get(f"/api/v1/replay-runs/{run_id}/difference")
        assert (early.status_code, early.json()["code"]) == (404, "NOT_FOUND")
        conflict = client.post(f"/api/v1/replay-runs/{run_id}/adopt")
        assert (conflict.status_code, conflict.json()["code"]) == (409, "INVALID_STATE")
        installation.work()
        assert [run["run_id"] for run in client.get("/api/v1/replay-runs").json()["runs"]] == [run_id]
        assert client.get(f"/api/v1/replay-runs/{run_id}").json()["difference"]["same_visits"] == 0
        found = client.get(f"/api/v1/replay-runs/{run_id}/difference").json()
        assert found["total"]["difference"]["dwell_ms"] == GONE - LEFT
        assert ([each["change"] for each in found["visits"]], found["visits_after"]) == (["LONGER"], None)
        assert client.get(f"/api/v1/replay-runs/{run_id}/difference?change=ADDED").json()["visits"] == []
        assert client.post(f"/api/v1/replay-runs/{run_id}/drop").json()["state"] == "DROP_REQUESTED"


@pytest.mark.integration
def test_runs_come_newest_first_and_page_by_page(installation: Installation) -> None:
    asked = [installation.request(START, STOP) for _ in range(3)]
    page = """query($after: String) { replayRuns(first: 2, after: $after) {
      nodes { runId } pageInfo { endCursor hasNextPage } } }"""
    with over(installation.database) as api:
        first = ask(api, page, after=None)
        second = ask(api, page, after=first["pageInfo"]["endCursor"])
    assert [run["runId"] for run in first["nodes"] + second["nodes"]] == asked[::-1]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an empty range": ({"range": {"from": RANGE["to"], "to": RANGE["from"]}}, ["input", "range"]),
    "a range that is not over": ({"range": RANGE | {"to": "2099-01-01T00:00:00Z"}}, ["input", "range"]),
    "a negative time": ({"maxGapMs": -1}, ["input", "maxGapMs"]),
    "a camera nobody knows": ({"cameraIds": ["nowhere"]}, ["input"]),
    "zones of a camera nobody knows": ({"zones": [{"cameraId": "nowhere", "zones": []}]}, ["input"]),
    "zones for every camera and for one": ({"zones": [{"zones": []}, {"cameraId": "door", "zones": []}]}, ["input", "zones"]),
    "a zone with a negative time": (
        {"zones": [{"zones": [WIDER | {"minStayMs": -1}]}]}, ["input", "zones", "0", "zones", "0", "minStayMs"],
    ),
    "no such weekday": (
        {"shifts": [{"weekday": 8, "start": "06:00", "end": "14:00"}]}, ["input", "shifts", "0", "weekday"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_request_is_named_by_its_path(name: str) -> None:
    wanted, path = BAD[name]
    made, _, _ = services({cameras_by_id: [{"camera_id": "door"}]})
    answer = ask(made, START_RUN, input={"range": RANGE} | wanted, id=str(uuid.uuid4()))
    assert answer["run"] is None
    assert [error["field"] for error in answer["userErrors"]] == [path]


ASKED: dict[str, Any] = dict.fromkeys(
    ("cameras", "zones", "shifts", "error", "fold_version", "approximate", "digest", "summary", "started_at", "finished_at")
) | {
    "run_id": "r", "requested_by": "", "requested_at": moment(STOP), "range_from": moment(START), "range_to": moment(STOP),
    "parameters": {"judge_again": True}, "state": "REQUESTED", "progress": 0.0,
}  # fmt: skip


def test_all_that_shall_differ_goes_into_the_request_and_nothing_else() -> None:
    made, read_model, _ = services({request_run: ASKED})
    wanted = {
        "range": RANGE, "trackTimeoutMs": 0, "judgeAgain": True, "shifts": [],
        "exceptions": [{"date": "2026-12-24", "start": "06:00", "end": "12:00"}],
    }  # fmt: skip
    run_id = str(uuid.uuid4())
    ask(made, START_RUN, input=wanted, id=run_id)
    ((_, request),) = read_model.asked
    assert (request.run_id, request.cameras, request.zones) == (run_id, None, None)
    assert request.parameters == {"track_timeout_ms": 0, "judge_again": True}
    assert [each["date"].isoformat() for each in request.shifts["exceptions"]] == ["2026-12-24"]
    ask(made, START_RUN, input={"range": RANGE}, id=run_id)
    assert (read_model.asked[-1][1].parameters, read_model.asked[-1][1].shifts) == ({}, None)


@pytest.mark.parametrize(("again", "codes"), [({}, []), ({"maxGapMs": 1}, ["COMMAND_ID_REUSED"])])
def test_an_id_sent_again_is_answered_again_unless_it_asks_for_something_else(
    again: dict[str, Any], codes: list[str]
) -> None:
    run_id, first = str(uuid.uuid4()), {"range": RANGE, "exceptions": [{"date": "2026-12-24"}]}
    stored = {"shifts": [], "exceptions": [{"date": "2026-12-24", "start_local": None, "end_local": None}]}
    made, _, _ = services({request_run: ASKED | {"run_id": run_id, "parameters": {}, "shifts": stored}})
    answer = ask(made, START_RUN, input=first | again, id=run_id)
    assert [error["code"] for error in answer["userErrors"]] == codes


def test_a_command_id_is_a_uuid() -> None:
    made, _, _ = services()
    answer = ask(made, START_RUN, input={"range": RANGE}, id="first")
    assert [error["field"] for error in answer["userErrors"]] == [["commandId"]]


def test_faults_of_a_rest_request_are_a_problem_with_each_of_them() -> None:
    made, _, _ = services({cameras_by_id: []})
    body = {"command_id": str(uuid.uuid4()), "range": RANGE, "camera_ids": ["nowhere"], "max_gap_ms": -1}
    with rest(made) as client:
        answer = client.post("/api/v1/replay-runs", json=body)
        misspelt = client.post("/api/v1/replay-runs", json=body | {"zone": []})
    assert (answer.status_code, len(answer.json()["faults"])) == (422, 2)
    assert (misspelt.status_code, misspelt.json()["faults"][0]["parameter"]) == (422, "zone")


@pytest.mark.parametrize("action", ["replayAdopt", "replayDrop"])
def test_a_run_that_nobody_asked_for_is_not_found(action: str) -> None:
    made, _, _ = services({ask_run: None, run_by_id: None})
    result = execute(made, steered(action), id="r")
    assert [(error.extensions or {})["code"] for error in result.errors or []] == ["NOT_FOUND"]
    with rest(made) as client:
        assert client.get("/api/v1/replay-runs/r").status_code == 404
