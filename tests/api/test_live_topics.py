"""The API on a real broker: commands and their answers, live frames and visits, and what it does while parts are away."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import make_url

from graphql_api.app import create_app
from graphql_api.positions import parsed
from graphql_api.settings import ApiSettings
from infra.local.stack import Stack
from schemas.events import TrackObservation
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import TRACKS, ZONE_VISITS
from schemas.wire import Wire
from tests.api.broker import SIGNER, Broker, a_camera
from tests.api.doubles import entered, frame
from tests.api.gate import Gate, unused_port
from tests.api.projected import store
from tests.api.running import PATIENCE_S, Client, Running, connected, serving

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

DEFINE = """mutation($camera: ID!, $id: ID!, $revision: Int, $minStayMs: Int! = 500) { zonesDefine(
    commandId: $id, ifRevision: $revision, input: {cameraId: $camera, zones: [{zoneId: "desk", name: "Desk",
    kind: WORK, minStayMs: $minStayMs, polygon: [{x: 0, y: 0}, {x: 1, y: 0}, {x: 1, y: 1}]}]}) {
  zoneSet { revision validFrom zones { zoneId zonesRevision kind polygon { x y } } } position currentRevision
  userErrors { code field message } } }"""
VISITS = """subscription($camera: ID!, $after: String) { zoneVisits(cameraIds: [$camera], after: $after) {
    __typename ... on ZoneEntered { cursor trackNo } ... on CaughtUp { cursor } } }"""


@pytest.fixture
def registry(stack: Stack) -> Iterator[HttpRegistry]:
    made = HttpRegistry(stack.registry_url)
    with made._client:
        yield made


@pytest.fixture
def broker(kafka: KafkaSettings, registry: HttpRegistry) -> Broker:
    return Broker(kafka, Wire(registry))


@pytest.fixture
def camera_id() -> str:
    return f"camera-{uuid.uuid4().hex[:8]}"


@contextmanager
def api(kafka: KafkaSettings, registry: HttpRegistry, database: str, **settings: Any) -> Iterator[Running]:
    app = create_app(ApiSettings(access="open", **settings), kafka, registry, SIGNER, database)
    with serving(app) as server:
        yield server


def until_ready(server: Running, *, ready: bool = True) -> dict[str, str]:
    """Ask /readyz until it says what is wanted; returns its reasons."""

    async def ask() -> dict[str, str]:
        async with asyncio.timeout(4 * PATIENCE_S), httpx.AsyncClient(base_url=f"http://{server.address}") as client:
            while True:
                answer = await client.get("/readyz", timeout=PATIENCE_S)
                if (answer.status_code == 200) == ready:
                    reasons: dict[str, str] = answer.json()
                    return reasons
                await asyncio.sleep(0.1)

    return asyncio.run(ask())


def execute(server: Running, query: str, **variables: Any) -> dict[str, Any]:
    url = f"http://{server.address}/graphql"
    answer: dict[str, Any] = httpx.post(url, json={"query": query, "variables": variables}, timeout=30).json()
    return answer


def talk(server: Running, conversation: Callable[[Client], Any]) -> None:
    async def scenario() -> None:
        async with connected(server.address) as client:
            await conversation(client)

    asyncio.run(scenario())


def test_zones_are_defined_by_a_signed_command_and_the_camera_answers(
    kafka: KafkaSettings, registry: HttpRegistry, broker: Broker, database: str, camera_id: str
) -> None:
    with api(kafka, registry, database) as server, a_camera(broker, camera_id) as seen:
        until_ready(server)
        answer = execute(server, DEFINE, camera=camera_id, id="first", revision=0)["data"]["zonesDefine"]
        assert answer["userErrors"] == []
        assert answer["zoneSet"]["revision"] == 1
        (zone,) = answer["zoneSet"]["zones"]
        assert (zone["zoneId"], zone["kind"], len(zone["polygon"])) == ("desk", "WORK", 3)
        camera, seq, _ = parsed(answer["position"])
        assert (camera, seq >= 0) == (camera_id, True)

        assert execute(server, DEFINE, camera=camera_id, id="first", revision=0)["data"]["zonesDefine"] == answer
        conflict = execute(server, DEFINE, camera=camera_id, id="second", revision=0)["data"]["zonesDefine"]
        assert (conflict["zoneSet"], conflict["currentRevision"]) == (None, 1)
        assert [error["code"] for error in conflict["userErrors"]] == ["REVISION_CONFLICT"]
        invalid = execute(server, DEFINE, camera=camera_id, id="third", minStayMs=-5)["data"]["zonesDefine"]
        assert invalid["userErrors"][0]["field"] == ["input", "zones", "0", "minStayMs"]
        assert [command.command_id for command in seen] == ["first", "second"]


def test_a_camera_that_nobody_folds_gives_a_timeout(
    kafka: KafkaSettings, registry: HttpRegistry, database: str, camera_id: str
) -> None:
    with api(kafka, registry, database, command_timeout_s=1) as server:
        until_ready(server)
        answer = execute(server, DEFINE, camera=camera_id, id="lost")["data"]["zonesDefine"]
        assert [error["code"] for error in answer["userErrors"]] == ["TIMEOUT"]


def test_frames_reach_a_subscriber_with_the_detectors_time(
    kafka: KafkaSettings, registry: HttpRegistry, broker: Broker, database: str, camera_id: str
) -> None:
    person = TrackObservation(track_no=1, x1=0, y1=0, x2=100, y2=50, score=0.9, zone_ids=("desk",))
    with api(kafka, registry, database) as server:
        until_ready(server)
        broker.raw(TRACKS, camera_id, b"not a record of ours")
        broker.publish(TRACKS, frame(1, camera_id, (person,)).tracks, [("detector-ms", b"7.25")])

        async def conversation(client: Client) -> None:
            query = "subscription($c: ID!) { liveTracks(cameraId: $c) { seq detectorMs boxes } }"
            await client.subscribe(query, c=camera_id)
            shown = (await client.next())["liveTracks"]
            assert shown == {"seq": "1", "detectorMs": 7.25, "boxes": [0.0, 0.0, 0.5, 0.5]}

        talk(server, conversation)
        current = httpx.get(f"http://{server.address}/api/v1/tracking/current?camera_id={camera_id}").json()
        assert [shown["detector_ms"] for shown in current] == [7.25]


@pytest.mark.parametrize("ring", [10_000, 4])
def test_a_client_that_was_away_resumes_at_another_process_without_loss_or_double(
    kafka: KafkaSettings, registry: HttpRegistry, broker: Broker, database: str, camera_id: str, *, ring: int
) -> None:
    # Places in a partition grow, also from one test to the next.
    visits = [entered(time.time_ns() // 1_000_000 + number, camera_id) for number in range(12)]
    told: list[dict[str, Any]] = []

    async def until_told(client: Client, count: int) -> None:
        while sum(item["__typename"] == "ZoneEntered" for item in told) < count:
            told.append((await client.next())["zoneVisits"])

    async def first(client: Client) -> None:
        await client.subscribe(VISITS, camera=camera_id)
        told.append(await client.until_caught_up())
        for visit in visits[:3]:
            broker.publish(ZONE_VISITS, visit)
        await until_told(client, 2)

    async def second(client: Client) -> None:
        await client.subscribe(VISITS, camera=camera_id, after=told[-1]["cursor"])
        await until_told(client, len(visits))

    with api(kafka, registry, database, visit_ring_size=ring) as server:
        until_ready(server)
        talk(server, first)
    for visit in visits[3:]:
        broker.publish(ZONE_VISITS, visit)
    store(database, ZONE_VISITS, visits, broker.ends(ZONE_VISITS))
    with api(kafka, registry, database, visit_ring_size=ring) as server:
        until_ready(server)
        talk(server, second)
    numbers = [item["trackNo"] for item in told if item["__typename"] == "ZoneEntered"]
    assert numbers == [str(visit.track_no) for visit in visits]


def test_without_database_and_broker_it_lives_says_so_and_recovers_by_itself(
    stack: Stack, kafka: KafkaSettings, registry: HttpRegistry, database: str
) -> None:
    real = make_url(database)
    sql, log = Gate(f"{real.host}:{real.port}", unused_port()), Gate(kafka.bootstrap, unused_port())
    behind_gates = real.set(host="127.0.0.1", port=sql.port).render_as_string(hide_password=False)
    away = kafka.model_copy(update={"bootstrap": f"127.0.0.1:{log.port}"})
    sites = "{ sites { siteId } }"
    with api(away, registry, behind_gates, command_timeout_s=1, ready_timeout_s=1) as server:
        try:
            assert httpx.get(f"http://{server.address}/livez", timeout=PATIENCE_S).status_code == 200
            reasons = until_ready(server, ready=False)
            assert "ok" not in reasons.values()
            assert (real.password or "no password") not in json.dumps(reasons)
            refused = execute(server, sites)
            assert [error["extensions"]["code"] for error in refused["errors"]] == ["SERVICE_UNAVAILABLE"]
            sql.open()
            log.open()
            assert set(until_ready(server).values()) == {"ok"}
            assert execute(server, sites)["data"] == {"sites": [{"siteId": "default"}]}
            sql.close()
            assert "errors" in execute(server, sites)
            sql.open()
            until_ready(server)
            assert execute(server, sites)["data"] == {"sites": [{"siteId": "default"}]}
        finally:
            sql.close()
            log.close()
    del stack
