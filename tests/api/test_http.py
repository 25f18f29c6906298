"""What the routes answer: GraphQL over HTTP, REST, health."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from fastapi.testclient import TestClient

from graphql_api.app import assemble
from graphql_api.errors import ServiceUnavailableError
from graphql_api.router import GRAPHQL_RESPONSE, LEGACY, preferred
from graphql_api.sql.commands import alive
from graphql_api.sql.efficiency import cameras_asked
from graphql_api.sql.sites import all_sites, sites_by_id
from schemas.events import TrackObservation
from tests.api.doubles import frame, services

SITES = [{"site_id": "default", "name": "Home", "time_zone": "UTC"}]


def client(answers: dict[Any, Any] | None = None, **kwargs: Any) -> TestClient:
    made, _, _ = services(answers)
    return TestClient(assemble(made, **({"ask_kafka": lambda _: None} | kwargs)))


def post(query: str, accept: str, answers: dict[Any, Any] | None = None) -> Any:
    return client(answers).post("/graphql", json={"query": query}, headers={"accept": accept})


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, LEGACY),
        ("*/*", LEGACY),
        ("application/*", LEGACY),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        ("application/json", LEGACY),
        ("application/json; charset=utf-8", LEGACY),
        ("application/graphql-response+json; charset=utf-8, application/json; charset=utf-8", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json;q=0.9", LEGACY),
        ("application/graphql-response+json, */*", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0, */*", LEGACY),
        ("application/json, */*;q=0.1", LEGACY),
        ("application/graphql-response+json;q=nonsense, application/json", LEGACY),
    ],
)
def test_the_media_type_is_the_one_the_client_prefers(accept: str | None, media_type: str) -> None:
    assert preferred(accept) == media_type


@pytest.mark.parametrize("query", ["{ nonsense }", "{", "query($n: Int!) { sites { name } }"])
def test_a_document_that_cannot_be_run_is_a_400_without_data(query: str) -> None:
    answer = post(query, GRAPHQL_RESPONSE)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith(GRAPHQL_RESPONSE)
    assert "data" not in answer.json()
    assert answer.json()["errors"]


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-03-02T08:00:00", "9999-12-31T23:00:00-05:00"])
def test_a_moment_that_is_none_is_the_askers_mistake_in_the_document_too(moment: str) -> None:
    answer = post(f'{{ zones(cameraId: "door", at: "{moment}") {{ name }} }}', GRAPHQL_RESPONSE)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert "DateTime" in error["message"]
    assert error.get("extensions", {}).get("code") != "INTERNAL"


def test_for_older_clients_it_stays_a_200() -> None:
    answer = post("{ nonsense }", LEGACY)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(LEGACY)


def test_an_answer_says_its_media_type() -> None:
    answer = post("{ sites { siteId } }", GRAPHQL_RESPONSE, {all_sites: SITES})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"
    assert answer.json()["data"] == {"sites": [{"siteId": "default"}]}


def test_an_error_of_a_field_is_a_200_with_its_code() -> None:
    answer = post("{ sites { siteId } }", GRAPHQL_RESPONSE, {all_sites: ServiceUnavailableError("away")})
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


@pytest.mark.parametrize("body", ["", "{", '{"query": 7}', '{"query": "{ sites { siteId } }", "variables": []}', "{}"])
def test_a_body_that_is_no_request_is_a_400_with_a_reason(body: str) -> None:
    answer = client().post("/graphql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "query A { sites { siteId } }", "operationName": "B"},
        {"query": "fragment A on Query { sites { siteId } }"},
        {"query": 'subscription { liveTracks(cameraId: "door") { seq } }'},
        [{"query": "{ sites { siteId } }"}],
    ],
)
def test_a_request_that_names_no_operation_to_run_is_a_400_with_a_reason(body: Any) -> None:
    answer = client().post("/graphql", json=body, headers={"accept": GRAPHQL_RESPONSE})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


def test_a_mutation_by_get_is_refused() -> None:
    query = 'mutation { zonesDefine(commandId: "1", input: {cameraId: "a", zones: []}) { position } }'
    answer = client().get("/graphql", params={"query": query})
    assert answer.status_code in {400, 405}


def test_current_tracking_shows_each_cameras_newest_frame_until_it_changes() -> None:
    made, _, _ = services()
    rest = TestClient(assemble(made, lambda _: None))
    person = TrackObservation(track_no=7, x1=-20, y1=10, x2=60, y2=110, score=0.9, zone_ids=("desk",))
    made.live.frames.put(frame(1, tracks=(person,)))
    made.live.frames.put(frame(1, camera_id="hall"))
    answer = rest.get("/api/v1/tracking/current", params={"camera_id": "door"})
    (shown,) = answer.json()
    assert shown["boxes"] == [0.0, 0.1, 0.3, 1.0]
    assert shown["foot_points"] == [0.1, 1.0]
    assert shown["zone_counts"] == [{"zone_id": "desk", "people": 1}]
    assert shown["detector_ms"] == 12.5
    again = rest.get("/api/v1/tracking/current?camera_id=door", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    made.live.frames.put(frame(2))
    changed = rest.get("/api/v1/tracking/current?camera_id=door", headers={"if-none-match": answer.headers["etag"]})
    assert changed.status_code == 200
    assert len(rest.get("/api/v1/tracking/current").json()) == 2


EFFICIENCY = "/api/v1/reports/efficiency"
RANGE = {"from": "2026-03-02T08:00:00Z", "to": "2026-03-02T09:00:00Z"}


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        (RANGE, 400, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "camera_id": "door"}, 400, "BAD_INPUT"),
        (RANGE | {"site_id": "nowhere"}, 404, "NOT_FOUND"),
        (RANGE | {"camera_id": "door"}, 404, "NOT_FOUND"),
        (RANGE | {"site_id": "default", "bucket": "PT1S"}, 400, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "to": "2026-03-02T08:00:00Z"}, 400, "BAD_RANGE"),
        (RANGE | {"site_id": "default", "from": "2026-03-02T08:00:00"}, 422, "BAD_INPUT"),
        ({"site_id": "default"}, 422, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "bucket": "soon"}, 422, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "bucket": "PT1H", "calendar": "DAY"}, 400, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "calendar": "CENTURY"}, 422, "BAD_INPUT"),
        (RANGE | {"site_id": "default", "from": "2020-01-01T00:00:00Z", "calendar": "HOUR"}, 400, "TOO_MANY_BUCKETS"),
    ],
)
def test_a_report_that_cannot_be_made_is_a_problem_document(params: dict[str, str], status: int, code: str) -> None:
    answer = client({sites_by_id: [], cameras_asked: []}).get(EFFICIENCY, params=params)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"]


def test_a_database_that_is_away_is_a_503_to_come_back_to() -> None:
    answer = client({sites_by_id: ServiceUnavailableError("The database is away.")}).get(
        EFFICIENCY, params=RANGE | {"site_id": "default"}
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0


def test_the_openapi_document_describes_the_report() -> None:
    document = client().get("/api/openapi.json").json()
    series = document["components"]["schemas"]["EfficiencySeries"]["properties"]
    assert series["efficiency"]["description"].startswith("Exclusive person time in WORK zones")
    assert EFFICIENCY in document["paths"]


def test_a_live_process_is_alive_even_when_it_is_not_ready() -> None:
    def away(_timeout_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    process = client({alive: ServiceUnavailableError("The database is away.")}, ask_kafka=away)
    assert process.get("/livez").status_code == 200
    answer = process.get("/readyz")
    assert answer.status_code == 503
    reasons = answer.json()
    assert reasons["database"] == "The database is away."
    assert "ok" not in reasons.values()


def test_a_process_with_all_its_parts_is_ready() -> None:
    made, _, _ = services({alive: [{"sites": 1}]})
    made.live.connected = True
    answer = TestClient(assemble(made, lambda _: None)).get("/readyz")
    assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})


def test_metrics_are_there_for_prometheus() -> None:
    process = client({all_sites: SITES})
    process.post("/graphql", json={"query": "{ sites { siteId } }"})
    text = process.get("/metrics").text
    assert 'aforo_graphql_operation_seconds_count{type="query"}' in text
    assert "aforo_feed_connected" in text
