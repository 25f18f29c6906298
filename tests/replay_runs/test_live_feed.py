"""Restated facts come through the topics that live views follow; nobody may take them for news."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from graphql_api import event_stream
from graphql_api.app import take
from graphql_api.context import Services
from graphql_api.event_stream import CaughtUp, Reader
from graphql_api.feed import Arrival
from schemas.events import Event, TracksRestated, ZoneVisitsRestated
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS, topic_of
from tests.api.doubles import at, crossed, entered, exited, frame, services

MARK: dict[str, Any] = {"camera_id": "door", "run_id": "r", "restatement": 1, "range_from": 0, "range_to": 60_000}


def arrivals(events: Sequence[Event], first_offset: int = 0) -> list[Arrival]:
    return [
        Arrival(topic_of(type(event).__name__), 0, offset, event, {})
        for offset, event in enumerate(events, first_offset)
    ]


def restated(event: Event) -> Event:
    return msgspec.structs.replace(event, restatement=1)


def newest_two(made: Services, events: Sequence[Event], then: Sequence[Event]) -> list[Event]:
    """What a subscriber is given of what arrives after it came, as far as two events."""

    async def follow() -> list[Event]:
        made.live.begin({ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
        stream = event_stream.follow(made.live.visits, made.database, Reader("all", lambda _: True), None)
        assert isinstance((await anext(stream)).told, CaughtUp)
        take(made, arrivals(events))
        take(made, arrivals(then, first_offset=len(events)))
        found = [(await anext(stream)).told for _ in range(2)]
        return [each for each in found if isinstance(each, Event)]

    return asyncio.run(follow())


def test_restated_visits_and_their_mark_are_not_shown_as_new_ones() -> None:
    made, _, _ = services()
    history = [restated(each) for each in (entered(1), exited(2), crossed(3))]
    mark = ZoneVisitsRestated(position=at(9, 1), **MARK)
    assert newest_two(made, [*history, mark], [entered(10), exited(11)]) == [entered(10), exited(11)]


def test_a_restated_frame_does_not_become_the_newest_of_a_process_that_has_seen_none() -> None:
    made, _, _ = services()
    take(made, arrivals([restated(frame(5).tracks), TracksRestated(position=at(9, 3), **MARK)]))
    assert made.live.frames.newest() == {}
    take(made, arrivals([frame(10).tracks], first_offset=2))
    assert made.live.frames.newest()["door"].tracks == frame(10).tracks
