"""The schema: its committed text, what would break clients, and how errors look."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any, get_args

import pytest
from graphql import (
    BreakingChangeType,
    GraphQLSchema,
    find_breaking_changes,
    validate_schema,
)
from graphql import (
    build_schema as parse_schema,
)
from strawberry.types.execution import ExecutionResult

from graphql_api import cameras, configuration, tracks, visit_stream, visits, zones
from graphql_api.access.principal import OPEN
from graphql_api.context import Context
from graphql_api.errors import ServiceUnavailableError
from graphql_api.schema import api_schema
from graphql_api.sql.cameras import cameras_by_id, cameras_page
from graphql_api.sql.sites import all_sites, sites_by_id
from schemas import events
from tests.api.doubles import services

SCHEMA = api_schema()
COMMITTED = Path(__file__).parents[2] / "graphql_api" / "schema.graphql"


def execute(query: str, answers: dict[Any, Any] | None = None, **variables: Any) -> ExecutionResult:
    made, _, _ = services(answers)
    result = asyncio.run(SCHEMA.execute(query, variables, Context(made, OPEN)))
    assert isinstance(result, ExecutionResult)
    return result


def codes(result: ExecutionResult) -> list[Any]:
    return [(error.extensions or {}).get("code") for error in result.errors or []]


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == SCHEMA.as_str() + "\n", (
        "graphql_api/schema.graphql is stale: write `graphql_api.schema.api_schema().as_str()` to it, "
        "and look at what changes for clients"
    )


def test_the_schema_is_valid() -> None:
    assert validate_schema(served()) == []


def test_nothing_that_clients_rely_on_has_gone() -> None:
    assert find_breaking_changes(parse_schema(COMMITTED.read_text(encoding="utf-8")), served()) == []


def test_a_removed_field_would_be_reported() -> None:
    before = parse_schema(COMMITTED.read_text(encoding="utf-8"))
    after = parse_schema(COMMITTED.read_text(encoding="utf-8").replace("  scheduledMs: [Float!]!\n", ""))
    changes = [(change.type, change.description) for change in find_breaking_changes(before, after)]
    assert (BreakingChangeType.FIELD_REMOVED, "EfficiencySeries.scheduledMs was removed.") in [
        (kind, text.replace("Field ", "")) for kind, text in changes
    ]


def served() -> GraphQLSchema:
    return parse_schema(SCHEMA.as_str())


def test_every_type_says_what_it_is() -> None:
    silent = [
        name
        for name, kind in served().type_map.items()
        if not kind.description
        and not name.startswith("__")
        and name not in {"Boolean", "Float", "ID", "Int", "String"}
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("shown", "recorded"),
    [
        (zones.ZoneKind, events.ZoneKind),
        (zones.Anchor, events.Anchor),
        (cameras.CameraStatus, events.CameraStatus),
        (tracks.TrackEndReason, events.TrackEndReason),
        (visits.EntryReason, events.EntryReason),
        (visits.ExitReason, events.ExitReason),
        (visit_stream.Direction, events.Direction),
    ],
)
def test_enumerations_have_the_values_of_the_records(shown: Any, recorded: Any) -> None:
    assert {member.value for member in shown} == set(get_args(recorded))


@pytest.mark.parametrize(
    ("shown", "recorded"),
    [(configuration.ZoneInput, events.Zone), (configuration.LineInput, events.Line)],
)
def test_defaults_of_zones_and_lines_are_those_of_the_records(shown: Any, recorded: Any) -> None:
    names = recorded.__struct_fields__
    defaults = dict(
        zip(names[len(names) - len(recorded.__struct_defaults__) :], recorded.__struct_defaults__, strict=True)
    )
    ours = {name: field.default for name, field in shown.__dataclass_fields__.items() if name in defaults}
    assert ours == defaults


def test_a_naive_moment_is_refused_with_the_remedy() -> None:
    query = '{ tracks(cameraId: "door", range: {from: "2026-03-02T08:00:00", to: "2026-03-02T09:00:00Z"}) { nodes { id } } }'
    result = execute(query)
    assert "has no UTC offset. Append 'Z'" in str(result.errors)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('range: {from: "2026-03-02T09:00:00Z", to: "2026-03-02T08:00:00Z"}', "BAD_RANGE"),
        ('range: {from: "2026-03-02T08:00:00Z", to: "2026-03-02T09:00:00Z"}, first: 201', "BAD_INPUT"),
        ('range: {from: "2026-03-02T08:00:00Z", to: "2026-03-02T09:00:00Z"}, after: "x"', "CURSOR_INVALID"),
    ],
)
def test_a_request_that_cannot_be_answered_has_a_code(arguments: str, code: str) -> None:
    assert codes(execute(f'{{ tracks(cameraId: "door", {arguments}) {{ nodes {{ id }} }} }}')) == [code]


def test_a_database_that_is_away_is_a_code_and_not_a_bug() -> None:
    result = execute("{ sites { name } }", {all_sites: ServiceUnavailableError("The database is away.")})
    assert codes(result) == ["SERVICE_UNAVAILABLE"]
    assert str(result.errors and result.errors[0].message) == "The database is away."


def test_a_bug_shows_nothing_of_itself() -> None:
    result = execute("{ sites { name } }", {all_sites: RuntimeError("password=hunter2")})
    assert codes(result) == ["INTERNAL"]
    assert "hunter2" not in str(result.errors)


def test_an_unknown_field_is_named() -> None:
    assert "Cannot query field 'nonsense'" in str(execute("{ nonsense }").errors)


def camera_row(camera_id: str) -> dict[str, Any]:
    return {
        "camera_id": camera_id, "site_id": "default", "name": "Door", "enabled": True, "revision": 1,
        "max_gap_ms": 2000, "track_timeout_ms": 2000, "zones_revision": 1, "status": "STREAMING", "status_reason": "",
        "last_seen_at": None, "width": 640, "height": 480, "accepted": 5_000_000_000, "refused": {"LATE": 2},
        "source": "", "credentials": "", "target_fps": None, "masks": [],
        "applied_revision": 0, "applied_error": "", "applied_at": None,
    }  # fmt: skip


def test_a_node_is_found_again_by_its_global_id() -> None:
    answers = {cameras_page: [camera_row("door/1")], cameras_by_id: [camera_row("door/1")]}
    listed = execute("{ cameras { nodes { id cameraId framesAccepted framesRefused { reason frames } } } }", answers)
    assert listed.data is not None
    (node,) = listed.data["cameras"]["nodes"]
    assert node["framesAccepted"] == 5_000_000_000
    assert node["framesRefused"] == [{"reason": "LATE", "frames": 2}]
    found = execute("query($id: ID!) { node(id: $id) { id ... on Camera { cameraId } } }", answers, id=node["id"])
    assert found.data == {"node": {"id": node["id"], "cameraId": "door/1"}}


@pytest.mark.parametrize("name", ["Camera", "Track", "Zone", "ZoneVisit", "Site"])
def test_a_global_id_of_nothing_is_null(name: str) -> None:
    wrong = b64encode(f"{name}:nothing".encode()).decode()
    result = execute(f'{{ node(id: "{wrong}") {{ id }} }}', {cameras_by_id: [], sites_by_id: []})
    assert result.errors is None
    assert result.data == {"node": None}


@pytest.mark.parametrize("wrong", ["nonsense", "Tm90aGluZzox", "UG9pbnQ6MQ=="])
def test_an_id_of_no_node_is_refused_without_being_a_bug(wrong: str) -> None:
    result = execute(f'{{ node(id: "{wrong}") {{ id }} }}')
    assert result.errors
    assert codes(result) != ["INTERNAL"]


def test_look_ups_of_many_nodes_are_one_query() -> None:
    made, read_model, _ = services({cameras_page: [camera_row("a"), camera_row("b")]})
    read_model.answers[sites_by_id] = [{"site_id": "default", "name": "Home", "time_zone": "UTC"}]
    result = asyncio.run(SCHEMA.execute("{ cameras { nodes { site { name } } } }", None, Context(made, OPEN)))
    assert result.data == {"cameras": {"nodes": [{"site": {"name": "Home"}}] * 2}}
    assert [asked[0] for asked in read_model.asked] == [cameras_page, sites_by_id]
