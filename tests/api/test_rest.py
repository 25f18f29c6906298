"""REST over a real database: the same answers as GraphQL, page by page, and files that hold every row."""

import asyncio
import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from graphql_api import rest_exports
from graphql_api.app import assemble
from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.positions import position_token
from tests.api.doubles import at, services
from tests.api.tables import MINUTE, START, camera, insert, minute, visit, zone

pytestmark = pytest.mark.integration

RANGE = {"from": START.isoformat(), "to": (START + timedelta(hours=2)).isoformat()}


def rest(read_model: Database) -> TestClient:
    made, _, _ = services()
    return TestClient(assemble(Services(made.settings, read_model, made.live, made.commands), lambda _: None))


def test_cameras_come_in_pages_by_id(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera(f"c{number}") for number in range(5)])
    client, found, after = rest(read_model), [], None
    while True:
        page = client.get("/api/v1/cameras", params={"first": 2} | ({"after": after} if after else {})).json()
        found += [shown["camera_id"] for shown in page["cameras"]]
        if (after := page["after"]) is None:
            break
    assert found == [f"c{number}" for number in range(5)]


def test_one_camera_is_shown_and_one_that_is_not_there_is_a_404(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera("door", target_fps=5.0)])
    client = rest(read_model)
    assert client.get("/api/v1/cameras/door").json()["target_fps"] == 5.0
    assert client.get("/api/v1/cameras/none").json()["code"] == "NOT_FOUND"


def test_zones_are_shown_as_they_were_at_a_moment(read_model: Database, rows: Connection) -> None:
    change = START + MINUTE
    insert(rows, "zones", [zone(revision=1, valid_to=change), zone(revision=2, valid_from=change)])
    client = rest(read_model)
    (now,) = client.get("/api/v1/zones", params={"camera_id": "door"}).json()
    (then,) = client.get("/api/v1/zones", params={"camera_id": "door", "at": START.isoformat()}).json()
    assert (now["zones_revision"], then["zones_revision"]) == (2, 1)
    assert now["polygon"][1] == {"x": 0.9, "y": 0.1}


def test_visits_are_filtered_and_paged(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zone_visits", [visit(n, START + n * MINUTE, dwell_ms=1_000 * n) for n in range(1, 6)])
    client = rest(read_model)
    asked: dict[str, str | int] = {**RANGE, "min_dwell_ms": 2_000, "first": 3, "site_id": "default"}
    page = client.get("/api/v1/visits", params=asked).json()
    rest_of_it = client.get("/api/v1/visits", params=asked | {"after": page["after"]}).json()
    assert [shown["track_no"] for shown in [*page["visits"], *rest_of_it["visits"]]] == ["5", "4", "3", "2"]
    assert rest_of_it["after"] is None


def test_occupancy_is_the_average_and_the_peak_of_the_observed_time(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone()])
    half_seen = minute(person_ms=60_000, observed_ms=30_000, peak=3, frames=300)
    insert(
        rows,
        "zone_minutes",
        [half_seen, minute(at=START + MINUTE, person_ms=60_000, observed_ms=60_000, peak=1, frames=600)],
    )
    answer = rest(read_model).get("/api/v1/occupancy", params=RANGE | {"site_id": "default", "bucket": "PT1M"}).json()
    (desk,) = answer["zones"]
    assert desk["people"][:3] == [2.0, 1.0, None]
    assert desk["peak"][:3] == [3, 1, None]
    assert desk["total_people"] == pytest.approx(120 / 90)
    assert answer["coverage"][:3] == [0.5, 1.0, 0.0]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_file_of_visits_holds_every_visit_once(
    read_model: Database, rows: Connection, kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_exports, "ROWS_AT_ONCE", 3)
    if count:
        insert(rows, "zone_visits", [visit(n, START + n * MINUTE) for n in range(count)])
    answer = rest(read_model).get("/api/v1/exports/visits", params=RANGE | {"format": kind})
    assert answer.headers["content-disposition"] == f'attachment; filename="visits.{kind}"'
    found = read(kind, answer.text)
    assert [int(row["track_no"]) for row in found] == list(reversed(range(count)))
    if count:
        assert found[-1]["entered_at"] == "2026-03-02T08:00:00.000Z"


def test_a_file_of_minutes_holds_them_by_camera_and_time(read_model: Database, rows: Connection) -> None:
    stored = [minute(name, at=START + n * MINUTE) for n in (1, 0) for name in ("hall", "door")]
    insert(rows, "zone_minutes", [*stored, minute("far", at=START + timedelta(hours=3))])
    answer = rest(read_model).get("/api/v1/exports/zone-minutes", params=RANGE)
    found = read("csv", answer.text)
    assert [(row["camera_id"], row["minute"][14:16]) for row in found] == [
        ("door", "00"), ("door", "01"), ("hall", "00"), ("hall", "01"),
    ]  # fmt: skip
    assert answer.headers["content-type"].startswith("text/csv")


def test_what_a_spreadsheet_would_run_is_text(read_model: Database, rows: Connection) -> None:
    insert(rows, "zone_visits", [visit(1, START, zone_id='=HYPERLINK("http://192.0.2.1")')])
    (row,) = read("csv", rest(read_model).get("/api/v1/exports/visits", params=RANGE).text)
    assert row["zone_id"] == """'=HYPERLINK("http://192.0.2.1")"""


def test_a_file_that_cannot_be_made_is_a_problem_and_no_file(read_model: Database) -> None:
    backwards = {"from": RANGE["to"], "to": RANGE["from"]}
    answer = rest(read_model).get("/api/v1/exports/visits", params=backwards)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_RANGE")


def read(kind: str, text: str) -> list[dict[str, Any]]:
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_text_that_the_database_cannot_hold_is_bad_input(read_model: Database, text: str) -> None:
    client = rest(read_model)
    assert client.get("/api/v1/zones", params={"camera_id": text}).json()["code"] == "BAD_INPUT"
    body = {"query": "query($id: ID!) { camera(cameraId: $id) { name } }", "variables": {"id": text}}
    assert client.post("/graphql", json=body).json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize(
    "span",
    [
        ("0001-01-01T00:00:00+23:00", RANGE["to"]),
        (RANGE["from"], "9999-12-31T23:59:59-01:00"),
        ("9999-12-31T23:58:30Z", "9999-12-31T23:59:30Z"),
    ],
)
def test_moments_at_the_ends_of_time_are_refused_by_name(read_model: Database, span: tuple[str, str]) -> None:
    asked = {"from": span[0], "to": span[1], "site_id": "default", "bucket": "P365D"}
    answer = rest(read_model).get("/api/v1/reports/efficiency", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_RANGE")


def test_a_read_waits_for_what_a_camera_answered(read_model: Database, rows: Connection) -> None:
    token = position_token("door", at(7))

    event = {"camera_id": "door", "seq": 7, "seq_index": 0, "type": "ZonesDefined", "command_id": "c", "body": "{}"}

    async def both() -> int:
        client = rest(read_model)
        waiting = asyncio.to_thread(client.get, "/api/v1/cameras", headers={"x-min-position": token})
        answer, _ = await asyncio.gather(waiting, asyncio.to_thread(insert, rows, "camera_events", [event]))
        return answer.status_code

    assert asyncio.run(both()) == 200


def test_a_read_that_waits_in_vain_says_so(read_model: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.rest_parts.wait_for.__defaults__", (0.05,))
    answer = rest(read_model).get("/api/v1/cameras", headers={"x-min-position": position_token("door", at(7))})
    assert (answer.status_code, answer.json()["code"]) == (503, "POSITION_NOT_REACHED")
    assert answer.headers["retry-after"]


def test_a_caller_with_nothing_left_is_a_429_with_the_time_to_wait(read_model: Database) -> None:
    made, _, _ = services()
    settings = made.settings.model_copy(update={"cost_saved_up": 60, "cost_restored_per_s": 0.5})
    client = TestClient(assemble(Services(settings, read_model, made.live, made.commands), lambda _: None))
    answers = [client.get("/api/v1/cameras") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1].headers["retry-after"]) <= 80
    assert answers[1].json()["code"] == "THROTTLED"
