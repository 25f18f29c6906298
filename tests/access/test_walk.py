"""Whoever has no role at a site finds nothing of it: every root field of the schema and every route of REST is tried."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_required_argument
from sqlalchemy import create_engine
from strawberry.relay import to_base64

from graphql_api.access.guard import FIELDS, FREE
from graphql_api.rest_guard import ROUTES
from graphql_api.schema import api_schema
from tests.access.installations import Installation, ask
from tests.api.site_rows import site
from tests.api.tables import START, camera, insert, line, minute, position, track, visit, zone

pytestmark = pytest.mark.integration

HIDDEN = "hidden"
RUN = "00000000-0000-4000-8000-000000000001"
RANGE = {"from": "2026-03-02T07:00:00Z", "to": "2026-03-02T10:00:00Z"}
SAID: dict[str, Any] = {
    "siteId": f"{HIDDEN}-site",
    "cameraId": f"{HIDDEN}-camera",
    "cameraIds": [f"{HIDDEN}-camera"],
    "zoneId": f"{HIDDEN}-zone",
    "runId": RUN,
    "range": RANGE,
    "filter": {"cameraIds": [f"{HIDDEN}-camera"]},
    "trackNo": "1",
    "at": "2026-03-02T09:00:00Z",
}
NODES = {
    "Site": f"{HIDDEN}-site",
    "Camera": f"{HIDDEN}-camera",
    "Zone": f"{HIDDEN}-camera/{HIDDEN}-zone",
    "Track": f"{HIDDEN}-camera/1",
    "ZoneVisit": f"{HIDDEN}-camera/1/{HIDDEN}-zone/2026-03-02T08%3A00%3A00%2B00%3A00",
    "ReplayRun": RUN,
}
SCHEMA: GraphQLSchema = api_schema()._schema
# What someone who may see everything must find, or the walk would prove nothing.
TELLING = {"sites", "site", "camera", "cameras", "zones", "lines", "zonesHistory", "tracks", "zoneVisits", "replayRuns",
           "replayRun", "node", "efficiency"}  # fmt: skip


@pytest.fixture
def hidden(installation: Installation) -> Installation:
    """A site with one of everything, all of it named `hidden`, and another site."""
    engine = create_engine(installation.url, isolation_level="AUTOCOMMIT")
    named: dict[str, Any] = {"camera_id": f"{HIDDEN}-camera", "zone_id": f"{HIDDEN}-zone"}
    with engine.connect() as rows:
        site(rows, f"{HIDDEN}-site", "UTC", [])
        site(rows, "south", "UTC", [])
        insert(rows, "cameras", [camera(f"{HIDDEN}-camera", site_id=f"{HIDDEN}-site", name=f"{HIDDEN} camera")])
        insert(rows, "cameras", [camera("south-camera", site_id="south", name="South camera")])
        insert(rows, "zones", [zone(**named, name=f"{HIDDEN} zone")])
        insert(rows, "lines", [line(f"{HIDDEN}-camera", f"{HIDDEN}-line")])
        insert(
            rows, "zone_minutes", [minute(**named, person_ms=60_000, occupied_ms=60_000, exclusive_person_ms=60_000)]
        )
        insert(rows, "tracks", [track(1, START, camera_id=f"{HIDDEN}-camera")])
        insert(rows, "track_positions", [position(1, START, camera_id=f"{HIDDEN}-camera")])
        insert(rows, "zone_visits", [visit(1, START, **named)])
    engine.dispose()
    installation.sql(
        """INSERT INTO replay_runs (run_id, requested_by, cameras, range_from, range_to, parameters, state)
           VALUES (%s, 'test', %s, '2026-03-02 07:00+00', '2026-03-02 08:00+00', '{}', 'REQUESTED')""",
        RUN,
        [f"{HIDDEN}-camera"],
    )
    return installation


def selection(kind: GraphQLObjectType, depth: int = 4) -> str:
    """All fields of a type without required arguments, some levels deep."""
    fields = ["__typename"]
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if any(is_required_argument(each) for each in field.args.values()) or name == "edges":
            continue
        if not isinstance(inner, GraphQLObjectType):
            if not hasattr(inner, "types") and not hasattr(inner, "fields"):
                fields.append(name)
        elif depth:
            fields.append(f"{name} {selection(inner, depth - 1)}")
    return "{ " + " ".join(fields) + " }"


def object_type(name: str) -> GraphQLObjectType:
    kind = SCHEMA.get_type(name)
    assert isinstance(kind, GraphQLObjectType)
    return kind


def documents(kind: GraphQLObjectType, name: str, depth: int) -> list[str]:
    """A field asked for by name: with every argument that names something, by site alone, and with what is required."""
    field = kind.fields[name]
    inner = get_named_type(field.type)
    chosen = selection(inner, depth) if isinstance(inner, GraphQLObjectType) else "{ __typename }"
    if name == "node":
        return [
            f'{{ node(id: "{to_base64(each, key)}") {{ id ... on {each} {selection(object_type(each), 1)} }} }}'
            for each, key in NODES.items()
        ]
    asked = []
    for left_out in (set(), {"cameraIds"}, SAID.keys()):
        arguments = {
            key: SAID[key]
            for key, each in field.args.items()
            if is_required_argument(each) or key in SAID.keys() - left_out
        }
        said = ", ".join(f"{key}: {written(value)}" for key, value in arguments.items())
        asked.append(f"{{ {name}{f'({said})' if said else ''} {chosen} }}")
    return asked


def written(value: Any) -> str:
    """A value as GraphQL writes it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {written(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


def found(client: TestClient, name: str) -> list[str]:
    """What the answers to a root query field hold, as texts, at the greatest depth the limits allow."""
    assert SCHEMA.query_type is not None
    answers = []
    for depth in (3, 2, 1):
        asked = [ask(client, document) for document in documents(SCHEMA.query_type, name, depth)]
        codes = {error.get("extensions", {}).get("code") for answer in asked for error in answer.get("errors", ())}
        answers += [json.dumps(answer.get("data")) for answer in asked]
        if not codes & {"QUERY_TOO_COSTLY", "QUERY_TOO_DEEP", "THROTTLED"}:
            break
    return answers


@pytest.mark.parametrize("role", ["VIEWER", "OPERATOR", "ADMIN"])
def test_a_stranger_to_a_site_finds_nothing_of_it_in_the_whole_schema(hidden: Installation, role: str) -> None:
    stranger = hidden.holding({"south": role})
    assert SCHEMA.query_type is not None
    for name in SCHEMA.query_type.fields:
        assert not [text for text in found(stranger, name) if HIDDEN in text], name


def test_the_walk_finds_what_there_is_when_it_may(hidden: Installation) -> None:
    owner = hidden.holding({f"{HIDDEN}-site": "ADMIN"})
    assert SCHEMA.query_type is not None
    told = {name for name in SCHEMA.query_type.fields if any(HIDDEN in text for text in found(owner, name))}
    assert told >= TELLING - {"replayRuns"}  # a list of all runs is for those who see all sites


def test_a_stranger_learns_no_more_than_of_what_does_not_exist(hidden: Installation) -> None:
    stranger = hidden.holding({"south": "ADMIN"})
    there = ask(stranger, "query($id: ID!) { camera(cameraId: $id) { name } }", id=f"{HIDDEN}-camera")
    nowhere = ask(stranger, "query($id: ID!) { camera(cameraId: $id) { name } }", id="nowhere")
    assert {**there, "extensions": None} == {**nowhere, "extensions": None}


def test_every_root_field_is_listed_and_every_listed_field_exists() -> None:
    roots = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    served = {f"{root.name}.{name}" for root in roots if root for name in root.fields}
    assert served - FIELDS.keys() == set(), "say in graphql_api/access/guard.py who may ask for it"


CHANGES = {
    "zonesDefine": f'(input: {{cameraId: "{HIDDEN}-camera", zones: [], lines: []}}, commandId: "1") {{ userErrors {{ code }} }}',
    "cameraConfigure": f'(input: {{cameraId: "{HIDDEN}-camera", siteId: "south", name: "mine"}}, commandId: "2") '
    "{ userErrors { code } }",
    "shiftsDefine": f'(input: {{siteId: "{HIDDEN}-site", shifts: [], exceptions: []}}) {{ userErrors {{ code }} }}',
    "siteUpdate": f'(input: {{siteId: "{HIDDEN}-site", name: "mine"}}) {{ userErrors {{ code }} }}',
    "siteCreate": '(input: {siteId: "new", name: "New"}) { userErrors { code } }',
    "replayStart": '(input: {range: {from: "2026-03-02T07:00:00Z", to: "2026-03-02T08:00:00Z"}}, '
    'commandId: "00000000-0000-4000-8000-000000000002") { userErrors { code } }',
    "replayAdopt": f'(runId: "{RUN}") {{ userErrors {{ code }} }}',
    "replayDrop": f'(runId: "{RUN}") {{ userErrors {{ code }} }}',
}


def test_a_stranger_changes_nothing_of_a_site(hidden: Installation) -> None:
    stranger = hidden.holding({"south": "ADMIN"})
    assert {f"Mutation.{name}" for name in CHANGES} == {
        name for name, action in FIELDS.items() if name.startswith("Mutation.") and action is not FREE
    }
    for name, rest in CHANGES.items():
        (error,) = ask(stranger, f"mutation {{ {name}{rest} }}")["errors"]
        assert error["extensions"]["code"] in {"NOT_FOUND", "FORBIDDEN"}, name


@pytest.mark.parametrize("role", ["VIEWER", "OPERATOR"])
def test_below_operator_nobody_configures_and_below_admin_nobody_administers(hidden: Installation, role: str) -> None:
    person = hidden.holding({f"{HIDDEN}-site": role})
    refused = {"siteUpdate", "replayAdopt"} | (
        {"zonesDefine", "shiftsDefine", "replayDrop"} if role == "VIEWER" else set()
    )
    for name in refused:
        (error,) = ask(person, f"mutation {{ {name}{CHANGES[name]} }}")["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN", name


PERSONS = {
    "tracks": f'(cameraId: "{HIDDEN}-camera", range: {written(RANGE)}) {{ nodes {{ trackNo }} }}',
    "zoneVisits": f'(range: {written(RANGE)}, filter: {{cameraIds: ["{HIDDEN}-camera"]}}) {{ nodes {{ trackNo }} }}',
    "zoneMinutes": f'(cameraId: "{HIDDEN}-camera", zoneId: "{HIDDEN}-zone", range: {written(RANGE)}) {{ t }}',
}


def test_a_viewer_of_the_site_reads_no_rows_about_single_persons(hidden: Installation) -> None:
    viewer = hidden.holding({f"{HIDDEN}-site": "VIEWER"})
    for name, rest in PERSONS.items():
        (error,) = ask(viewer, f"{{ {name}{rest} }}")["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN", name
    for kind in ("Track", "ZoneVisit"):
        assert ask(viewer, f'{{ node(id: "{to_base64(kind, NODES[kind])}") {{ id }} }}')["data"] == {"node": None}
    assert ask(viewer, f'{{ camera(cameraId: "{HIDDEN}-camera") {{ name }} }}')["data"]["camera"]


def test_views_of_persons_are_noted_with_who_what_and_when_and_without_the_rows(hidden: Installation) -> None:
    person = hidden.holding({f"{HIDDEN}-site": "OPERATOR"})
    viewer = ask(person, "{ viewer { userId } }")["data"]["viewer"]["userId"]
    for name, rest in PERSONS.items():
        assert "errors" not in ask(person, f"{{ {name}{rest} }}")
    noted = hidden.sql(
        "SELECT actor, subject, site_ids, details FROM audit_log WHERE action = 'persons.read' ORDER BY entry_id"
    )
    assert [(actor, subject, sites) for actor, subject, sites, _ in noted] == [
        (viewer, f"Query.{name}", [f"{HIDDEN}-site"]) for name in PERSONS
    ]
    assert all(details["arguments"]["range"]["from"].startswith("2026-03-02 07:00") for *_, details in noted)
    admin = hidden.holding({f"{HIDDEN}-site": "ADMIN"})
    entries = ask(admin, "{ audit(first: 3) { nodes { actor action } } }")["data"]["audit"]["nodes"]
    assert entries == [{"actor": viewer, "action": "persons.read"}] * 3


def paths(client: TestClient) -> list[tuple[str, str]]:
    document = client.get("/api/openapi.json").json()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def test_every_route_is_listed_or_public(hidden: Installation) -> None:
    public = {("POST", "/api/v1/session"), ("POST", "/api/v1/invitations/accepted")}
    served = {route for route in paths(hidden.client()) if route[1].startswith("/api/v1")}
    assert served - public == ROUTES.keys() & served


def test_a_stranger_to_a_site_finds_nothing_of_it_over_rest(hidden: Installation) -> None:
    stranger, owner = hidden.holding({"south": "ADMIN"}), hidden.holding({f"{HIDDEN}-site": "ADMIN"})
    told = set()
    for method, path in paths(stranger):
        if method != "GET" or ROUTES.get((method, path)) is FREE:
            continue
        filled = path.format(run_id=RUN, camera_id=f"{HIDDEN}-camera", zone_id=f"{HIDDEN}-zone")
        their_own = (
            {"site_id": "south"},
            {"siteId": "south"},
            {"cameraIds": "south-camera"},
            {"camera_id": "south-camera"},
        )
        for names in ({}, {"site_id": f"{HIDDEN}-site"}, {"camera_id": f"{HIDDEN}-camera"}, *their_own):
            answer = stranger.get(filled, params={**RANGE, "zone_id": f"{HIDDEN}-zone", **names})
            assert HIDDEN not in answer.text, (path, answer.text)
            if HIDDEN in owner.get(filled, params={**RANGE, "zone_id": f"{HIDDEN}-zone", **names}).text:
                told.add(path)
    assert {"/api/v1/cameras", "/api/v1/visits", "/api/v1/zones"} <= told


@pytest.mark.parametrize("names", [{"site_id": "south"}, {"siteId": "south"}, {"input": "{}"}])
def test_what_a_route_does_not_read_narrows_nothing(hidden: Installation, names: dict[str, str]) -> None:
    stranger = hidden.holding({"south": "ADMIN"})
    assert stranger.get("/api/v1/tracking/current", params=names).status_code == 403
    body = json.dumps({"siteId": "south"})
    assert stranger.request("GET", "/api/v1/tracking/current", content=body).status_code == 403


@pytest.mark.parametrize(
    "subscription",
    [
        f'liveTracks(cameraId: "{HIDDEN}-camera") {{ seq }}',
        "zoneVisits { __typename }",
        f'zoneVisits(cameraIds: ["{HIDDEN}-camera"]) {{ __typename }}',
        "cameraEvents { __typename }",
        f'cameraEvents(cameraIds: ["{HIDDEN}-camera"]) {{ __typename }}',
    ],
)
def test_a_stranger_to_a_site_follows_nothing_of_it(hidden: Installation, subscription: str) -> None:
    stranger = hidden.holding({"south": "ADMIN"})
    with stranger.websocket_connect("wss://testserver/graphql", subprotocols=["graphql-transport-ws"]) as opened:
        opened.send_json({"type": "connection_init"})
        opened.receive_json()
        opened.send_json({"id": "1", "type": "subscribe", "payload": {"query": f"subscription {{ {subscription} }}"}})
        answer = opened.receive_json()
    errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
    assert errors[0]["extensions"]["code"] in {"NOT_FOUND", "FORBIDDEN"}
