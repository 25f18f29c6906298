"""Subscriptions as a real client sees them, over graphql-transport-ws and server-sent events."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from graphql_api.app import assemble
from graphql_api.context import Services
from graphql_api.cursors import Stream
from graphql_api.sql.cameras import cameras_by_id
from graphql_api.stream_items import filter_key
from schemas.events import TrackObservation
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS
from tests.api.doubles import crossed, entered, entry, exited, frame, services
from tests.api.running import PATIENCE_S, Client, Running, connected, opened, serving, until_open

TRACKS = """subscription($camera: ID!, $hz: Float) { liveTracks(cameraId: $camera, maxHz: $hz) {
  cameraId observedAt seq width height trackNos boxes footPoints zoneIds zoneCounts { zoneId people } detectorMs } }"""
VISITS = """subscription($cameras: [ID!], $after: String) { zoneVisits(cameraIds: $cameras, after: $after) {
  __typename
  ... on ZoneEntered { cursor eventId trackNo zoneId enteredAt entryReason }
  ... on ZoneExited { cursor eventId trackNo dwellMs exitReason exitedAtMax }
  ... on LineCrossed { cursor eventId lineId direction }
  ... on CaughtUp { cursor lagMs }
  ... on Heartbeat { cursor at } } }"""


@pytest.fixture
def api() -> Iterator[tuple[Running, Services]]:
    made, _, _ = services(
        {cameras_by_id: [{"camera_id": each, "site_id": "default"} for each in ("door", "hall")]}, ring=10
    )
    with serving(assemble(made, lambda _: None)) as server:
        server.tell(made.live.begin, {ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
        yield server, made


def talk(server: Running, conversation: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def scenario() -> None:
        async with connected(server.address) as client:
            await conversation(client)

    asyncio.run(scenario())


def test_the_newest_frame_comes_first_as_columns(api: tuple[Running, Services]) -> None:
    server, made = api
    people = (
        TrackObservation(track_no=1_700_000_000_001, x1=20, y1=20, x2=60, y2=60, score=0.9, zone_ids=("desk", "hall")),
        TrackObservation(track_no=1_700_000_000_002, x1=100, y1=50, x2=140, y2=120, score=0.8, zone_ids=("desk",)),
    )
    server.tell(made.live.frames.put, frame(1, tracks=people))

    async def conversation(client: Client) -> None:
        await client.subscribe(TRACKS, camera="door", hz=50)
        shown = (await client.next())["liveTracks"]
        assert shown["trackNos"] == ["1700000000001", "1700000000002"]
        assert shown["boxes"] == pytest.approx([0.1, 0.2, 0.3, 0.6, 0.5, 0.5, 0.7, 1.0])
        assert shown["footPoints"] == pytest.approx([0.2, 0.6, 0.6, 1.0])
        assert shown["zoneIds"] == [["desk", "hall"], ["desk"]]
        assert shown["zoneCounts"] == [{"zoneId": "desk", "people": 2}, {"zoneId": "hall", "people": 1}]
        assert (shown["observedAt"], shown["seq"]) == ("1970-01-01T00:16:40.100Z", "1")
        assert (shown["width"], shown["height"], shown["detectorMs"]) == (200, 100, 12.5)

    talk(server, conversation)


def test_frames_that_come_faster_than_asked_for_are_conflated_to_the_newest(api: tuple[Running, Services]) -> None:
    server, made = api
    server.tell(made.live.frames.put, frame(1))

    async def conversation(client: Client) -> None:
        await client.subscribe(TRACKS, camera="door", hz=5)
        assert (await client.next())["liveTracks"]["seq"] == "1"
        for offset in range(2, 20):
            server.tell(made.live.frames.put, frame(offset))
        assert (await client.next())["liveTracks"]["seq"] == "19"

    talk(server, conversation)


@pytest.mark.parametrize("hz", [0, -1, 61])
def test_an_impossible_rate_is_refused(api: tuple[Running, Services], hz: float) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe(TRACKS, camera="door", hz=hz)
        assert "maxHz" in str(await client.receive())

    talk(api[0], conversation)


def test_each_event_comes_once_in_order_and_a_cursor_continues_behind_it(api: tuple[Running, Services]) -> None:
    server, made = api

    async def conversation(client: Client) -> None:
        await client.subscribe(VISITS)
        await client.until_caught_up()
        for item in (entry(0, entered(0)), entry(1, exited(1)), entry(2, crossed(2))):
            server.tell(made.live.visits.ring.put, item)
        items = [(await client.next())["zoneVisits"] for _ in range(3)]
        assert [item["__typename"] for item in items] == ["ZoneEntered", "ZoneExited", "LineCrossed"]
        assert items[0]["eventId"] == "door/0/0/0/0"
        assert (items[1]["dwellMs"], items[1]["exitReason"], items[1]["exitedAtMax"]) == (60_000, "LEFT", None)
        assert (items[2]["lineId"], items[2]["direction"]) == ("gate", "ENTRY")
        await client.subscribe(VISITS, id="2", after=items[0]["cursor"])
        again = [(await client.next())["zoneVisits"] for _ in range(2)]
        assert again == items[1:]
        caught_up = (await client.next())["zoneVisits"]
        assert caught_up["__typename"] == "CaughtUp"
        assert caught_up["cursor"] == items[2]["cursor"]

    talk(server, conversation)


def test_only_the_cameras_asked_for_are_told(api: tuple[Running, Services]) -> None:
    server, made = api

    async def conversation(client: Client) -> None:
        await client.subscribe(VISITS, cameras=["hall"])
        await client.until_caught_up()
        server.tell(made.live.visits.ring.put, entry(0, entered(0, camera_id="door")))
        server.tell(made.live.visits.ring.put, entry(1, entered(1, camera_id="hall")))
        assert (await client.next())["zoneVisits"]["trackNo"] == "1"

    talk(server, conversation)


@pytest.mark.parametrize(
    ("cursor", "code"),
    [
        ("tampered", "CURSOR_INVALID"),
        (Stream("zoneVisits", -1, filter_key(None)).cursor({0: (0, 0)}), "CURSOR_EXPIRED"),
    ],
)
def test_a_cursor_that_cannot_be_resumed_ends_the_stream_with_its_code(
    api: tuple[Running, Services], cursor: str, code: str
) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe(VISITS, after=cursor)
        message = await client.receive()
        errors = message["payload"]["errors"] if message["type"] == "next" else message["payload"]
        assert [error["extensions"]["code"] for error in errors] == [code]

    talk(api[0], conversation)


def test_queries_and_bad_documents_are_answered_over_the_socket(api: tuple[Running, Services]) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe("{ __typename }")
        assert await client.next() == {"__typename": "Query"}
        assert (await client.receive())["type"] == "complete"
        await client.subscribe("subscription { nonsense }", id="2")
        message = await client.receive()
        assert (message["type"], message["id"]) == ("error", "2")

    talk(api[0], conversation)


def test_a_document_that_is_none_closes_the_socket(api: tuple[Running, Services]) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe("subscription {")
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400

    talk(api[0], conversation)


def test_who_subscribes_before_saying_hello_is_closed(api: tuple[Running, Services]) -> None:
    async def scenario() -> None:
        async with opened(api[0].address) as client:
            await client.subscribe(VISITS)
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401

    asyncio.run(scenario())


def test_completing_a_subscription_frees_it(api: tuple[Running, Services]) -> None:
    async def conversation(client: Client) -> None:
        await client.subscribe(VISITS)
        await until_open(1)
        await client.send(id="1", type="complete")
        await until_open(0)

    talk(api[0], conversation)


def test_the_same_stream_comes_as_server_sent_events(api: tuple[Running, Services]) -> None:
    server, made = api
    server.tell(made.live.frames.put, frame(1))
    query = 'subscription { liveTracks(cameraId: "door") { seq } }'
    url = f"http://{server.address}/graphql/stream"
    headers = {"accept": "text/event-stream"}
    with httpx.stream("POST", url, json={"query": query}, headers=headers, timeout=PATIENCE_S) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        data = next(line for line in answer.iter_lines() if line.startswith("data:") and "seq" in line)
    assert json.loads(data.removeprefix("data:")) == {"data": {"liveTracks": {"seq": "1"}}}
