"""Queries over a real database, through the schema as a client asks."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from strawberry.types.execution import ExecutionResult

from graphql_api.access.principal import OPEN
from graphql_api.context import Context, Services
from graphql_api.database import Database
from graphql_api.schema import api_schema
from tests.api.doubles import services
from tests.api.tables import MINUTE, START, camera, insert, line, minute, track, visit, zone

pytestmark = pytest.mark.integration

RANGE = {"from": START.isoformat(), "to": (START + timedelta(hours=2)).isoformat()}


def ask(read_model: Database, query: str, **variables: Any) -> dict[str, Any]:
    made, _, _ = services()
    context = Context(Services(made.settings, read_model, made.live, made.commands), OPEN)
    result = asyncio.run(api_schema().execute(query, variables, context))
    assert isinstance(result, ExecutionResult)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


def pages(read_model: Database, query: str, field: str, **variables: Any) -> list[list[Any]]:
    """Every page of a connection, following its cursors."""
    found: list[list[Any]] = []
    after = None
    while True:
        page = ask(read_model, query, after=after, **variables)[field]
        found.append(page["nodes"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def test_what_a_camera_is_to_do_stands_beside_what_its_edge_says_of_it(read_model: Database, rows: Connection) -> None:
    wanted: dict[str, Any] = {"revision": 4, "source": "rtsp://192.0.2.1/a", "credentials": "door", "target_fps": 5.0}
    said: dict[str, Any] = {"applied_revision": 3, "applied_error": "no such secret", "applied_at": START}
    insert(rows, "cameras", [camera(masks="[[[0, 0], [1, 0], [1, 1]]]", **wanted, **said)])
    asked = "revision source credentials targetFps masks { x y } appliedRevision appliedError appliedAt"
    (found,) = ask(read_model, f"{{ cameras {{ nodes {{ {asked} }} }} }}")["cameras"]["nodes"]
    assert (found["revision"], found["source"], found["credentials"]) == (4, "rtsp://192.0.2.1/a", "door")
    assert (found["targetFps"], found["masks"][0][1]) == (5.0, {"x": 1.0, "y": 0.0})
    assert (found["appliedRevision"], found["appliedError"]) == (3, "no such secret")
    assert found["appliedAt"].startswith(f"{START:%Y-%m-%dT%H:%M}")


def test_the_first_site_is_there_with_its_cameras(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera("door", site_id="default"), camera("far", site_id="elsewhere")])
    data = ask(read_model, "{ sites { siteId timeZone cameras { nodes { cameraId status } } } }")
    nodes = [{"cameraId": "door", "status": "OTHER"}]
    assert data == {"sites": [{"siteId": "default", "timeZone": "UTC", "cameras": {"nodes": nodes}}]}


def test_a_camera_shows_its_zones_in_force_and_its_site(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera(refused='{"LATE": 3}', accepted=7)])
    old, new = zone(revision=1, valid_to=START + MINUTE), zone(revision=2, valid_from=START + MINUTE)
    insert(rows, "zones", [old, new])
    insert(rows, "lines", [line(revision=2)])
    query = """{ camera(cameraId: "door") { site { name } framesAccepted framesRefused { reason frames }
        zones { zoneId kind zonesRevision polygon { x y } validTo } lines { lineId anchor points { x y } } } }"""
    shown = ask(read_model, query)["camera"]
    assert shown["site"] == {"name": "Default site"}
    assert (shown["framesAccepted"], shown["framesRefused"]) == (7, [{"reason": "LATE", "frames": 3}])
    polygon = [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.9, "y": 0.9}]
    assert shown["zones"] == [
        {"zoneId": "desk", "kind": "WORK", "zonesRevision": 2, "polygon": polygon, "validTo": None}
    ]
    points = [{"x": 0.5, "y": 0.0}, {"x": 0.5, "y": 1.0}]
    assert shown["lines"] == [{"lineId": "gate", "anchor": "CENTRE", "points": points}]


def test_what_does_not_exist_is_null(read_model: Database) -> None:
    assert ask(read_model, '{ camera(cameraId: "none") { name } site(siteId: "none") { name } }') == {
        "camera": None,
        "site": None,
    }


def test_zones_have_a_history_and_can_be_asked_for_at_a_moment(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    change = START + MINUTE
    insert(rows, "zones", [zone(revision=1, valid_to=change), zone(revision=2, valid_from=change)])
    insert(rows, "lines", [line(revision=2, valid_from=change)])
    query = """query($before: DateTime!, $at: DateTime!) {
        zonesHistory(cameraId: "door") { revision validFrom validTo zones { zoneId } lines { lineId } }
        before: zones(cameraId: "door", at: $before) { zonesRevision }
        at: zones(cameraId: "door", at: $at) { zonesRevision } }"""
    data = ask(read_model, query, before=START.isoformat(), at=change.isoformat())
    assert [(known["revision"], len(known["zones"]), len(known["lines"])) for known in data["zonesHistory"]] == [
        (2, 1, 1),
        (1, 1, 0),
    ]
    assert data["zonesHistory"][1]["validTo"] == "2026-03-02T08:01:00.000Z"
    assert (data["before"], data["at"]) == ([{"zonesRevision": 1}], [{"zonesRevision": 2}])


@pytest.mark.parametrize("first", [1, 3, 50])
def test_pages_of_visits_hold_each_visit_once_newest_first(read_model: Database, rows: Connection, first: int) -> None:
    rng = random.Random(first)
    insert(rows, "cameras", [camera(name) for name in ("door", "hall")])
    keys = [(rng.randint(0, 5), rng.choice(["door", "hall"]), rng.randint(1, 3), rng.choice("ab")) for _ in range(40)]
    keys = sorted(set(keys), reverse=True)
    shuffled = rng.sample(keys, len(keys))
    insert(rows, "zone_visits", [visit(n, START + at * MINUTE, camera_id=c, zone_id=z) for at, c, n, z in shuffled])
    query = """query($range: TimeRange!, $first: Int!, $after: String) {
        zoneVisits(range: $range, first: $first, after: $after) {
            nodes { enteredAt cameraId trackNo zoneId } pageInfo { endCursor hasNextPage } } }"""
    found = pages(read_model, query, "zoneVisits", range=RANGE, first=first)
    assert all(len(page) == first for page in found[:-1])
    nodes = [node for page in found for node in page]
    expected = [(f"2026-03-02T08:0{at}:00.000Z", c, str(n), z) for at, c, n, z in keys]
    assert [(n["enteredAt"], n["cameraId"], n["trackNo"], n["zoneId"]) for n in nodes] == expected


def test_a_page_does_not_shift_when_newer_rows_arrive(read_model: Database, rows: Connection) -> None:
    insert(rows, "tracks", [track(n, START + n * MINUTE) for n in range(4)])
    query = """query($range: TimeRange!, $after: String) { tracks(cameraId: "door", range: $range, first: 2, after: $after) {
        nodes { trackNo } pageInfo { endCursor } } }"""
    first = ask(read_model, query, range=RANGE)["tracks"]
    insert(rows, "tracks", [track(9, START + 9 * MINUTE)])
    second = ask(read_model, query, range=RANGE, after=first["pageInfo"]["endCursor"])["tracks"]
    assert [node["trackNo"] for node in first["nodes"] + second["nodes"]] == ["3", "2", "1", "0"]


def test_the_range_is_half_open(read_model: Database, rows: Connection) -> None:
    stop = START + timedelta(hours=2)
    insert(rows, "tracks", [track(1, START), track(2, stop - timedelta(milliseconds=1)), track(3, stop)])
    query = 'query($range: TimeRange!) { tracks(cameraId: "door", range: $range) { nodes { trackNo } } }'
    assert [node["trackNo"] for node in ask(read_model, query, range=RANGE)["tracks"]["nodes"]] == ["2", "1"]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, ["4", "3", "2", "1"]),
        ({"siteId": "default"}, ["3", "2", "1"]),
        ({"cameraIds": ["door"]}, ["3", "2", "1"]),
        ({"cameraIds": []}, []),
        ({"zoneIds": ["sofa"]}, ["2"]),
        ({"open": True}, ["3"]),
        ({"open": False, "cameraIds": ["door"]}, ["2", "1"]),
        ({"minDwellMs": 60_000}, ["4", "1"]),
    ],
)
def test_visits_are_filtered(
    read_model: Database, rows: Connection, wanted: dict[str, Any], numbers: list[str]
) -> None:
    insert(rows, "cameras", [camera("door", site_id="default"), camera("far", site_id="elsewhere")])
    insert(rows, "zone_visits", [
        visit(1, START, 60_000),
        visit(2, START + MINUTE, 59_999, zone_id="sofa"),
        visit(3, START + 2 * MINUTE, None),
        visit(4, START + 3 * MINUTE, 90_000, camera_id="far"),
    ])  # fmt: skip
    query = """query($range: TimeRange!, $filter: VisitFilter) {
        zoneVisits(range: $range, filter: $filter) { nodes { trackNo } } }"""
    data = ask(read_model, query, range=RANGE, filter=wanted)
    assert [node["trackNo"] for node in data["zoneVisits"]["nodes"]] == numbers


def test_a_visit_leads_to_its_camera_its_zone_then_and_back_to_itself(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera(name="Front door")])
    insert(rows, "zones", [zone(revision=1, name="Old desk"), zone(revision=2, name="New desk")])
    insert(rows, "zone_visits", [visit(5_000_000_000, START)])
    query = """query($range: TimeRange!) { zoneVisits(range: $range) {
        nodes { id dwellMs enteredAtMin exitReason camera { name } zone { name } } } }"""
    (shown,) = ask(read_model, query, range=RANGE)["zoneVisits"]["nodes"]
    own = shown.pop("id")
    assert shown == {
        "dwellMs": 60_000,
        "enteredAtMin": None,
        "exitReason": "LEFT",
        "camera": {"name": "Front door"},
        "zone": {"name": "Old desk"},
    }
    found = ask(read_model, "query($id: ID!) { node(id: $id) { ... on ZoneVisit { trackNo } } }", id=own)
    assert found == {"node": {"trackNo": "5000000000"}}


def test_tracks_and_zones_are_nodes(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "tracks", [track(7, START)])
    insert(rows, "zones", [zone(revision=1, name="Old"), zone(revision=2, name="New")])
    query = """query($range: TimeRange!) { tracks(cameraId: "door", range: $range) { nodes { id } }
        zones(cameraId: "door") { id } }"""
    data = ask(read_model, query, range=RANGE)
    lookup = "query($id: ID!) { node(id: $id) { ... on Track { trackNo } ... on Zone { name zonesRevision } } }"
    assert ask(read_model, lookup, id=data["tracks"]["nodes"][0]["id"]) == {"node": {"trackNo": "7"}}
    assert ask(read_model, lookup, id=data["zones"][0]["id"]) == {"node": {"name": "New", "zonesRevision": 2}}


def test_minutes_are_columns_and_revisions_within_a_minute_add_up(read_model: Database, rows: Connection) -> None:
    insert(rows, "zone_minutes", [
        minute(zones_revision=1, observed_ms=20_000, person_ms=30_000, peak=2, dwell_ms_max=4_000),
        minute(zones_revision=2, observed_ms=35_000, person_ms=5_000, peak=1, dwell_ms_max=9_000),
        minute(at=START + 2 * MINUTE, person_ms=1, peak=1, dwell_ms_max=0),
        minute(zone_id="sofa", person_ms=99, peak=9, dwell_ms_max=0),
    ])  # fmt: skip
    query = """query($range: TimeRange!) { zoneMinutes(cameraId: "door", zoneId: "desk", range: $range) {
        t zonesRevision observedMs personMs peak dwellMsMax } }"""
    assert ask(read_model, query, range=RANGE)["zoneMinutes"] == {
        "t": ["2026-03-02T08:00:00.000Z", "2026-03-02T08:02:00.000Z"],
        "zonesRevision": [2, 1],
        "observedMs": [55_000, 60_000],
        "personMs": [35_000, 1],
        "peak": [2, 1],
        "dwellMsMax": [9_000, 0],
    }


def test_an_efficiency_series_is_asked_for_in_graphql(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone(), zone(zone_id="sofa", kind="REST")])
    insert(rows, "zone_minutes", [
        minute(exclusive_person_ms=30_000, occupied_ms=30_000),
        minute(zone_id="sofa", kind="REST", exclusive_person_ms=10_000, occupied_ms=0),
    ])  # fmt: skip
    query = """query($range: TimeRange!) { efficiency(cameraIds: ["door"], range: $range, bucket: "PT1M") {
        bucket watermark t efficiency complete total { efficiency weak } zones { zoneId totalUtilisation } } }"""
    shown = ask(read_model, query, range=RANGE)["efficiency"]
    assert (shown["bucket"], shown["watermark"]) == ("PT1M", "2026-03-02T08:01:00.000Z")
    assert shown["efficiency"] == [0.75] + [None] * 119
    assert shown["complete"] == [True] + [False] * 119
    assert shown["total"] == {"efficiency": 0.75, "weak": True}
    assert shown["zones"] == [{"zoneId": "desk", "totalUtilisation": 0.5}, {"zoneId": "sofa", "totalUtilisation": 0.0}]


@pytest.mark.parametrize("selected", ["t", "t zones { zoneId }", "... on EfficiencySeries { ...Z }"])
def test_zones_are_measured_when_they_are_asked_for_however_that_is_said(
    read_model: Database, rows: Connection, selected: str
) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone()])
    insert(rows, "zone_minutes", [minute(exclusive_person_ms=30_000)])
    fragment = "fragment Z on EfficiencySeries { zones { zoneId } }" if "...Z" in selected else ""
    query = f"""query($range: TimeRange!) {{ efficiency(siteId: "default", range: $range) {{
        total {{ efficiency workMs }} {selected} }} }} {fragment}"""
    found = ask(read_model, query, range=RANGE)["efficiency"]
    assert found["total"] == {"efficiency": 1.0, "workMs": 30_000}
    assert found.get("zones", []) == ([{"zoneId": "desk"}] if selected != "t" else [])
