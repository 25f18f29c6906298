"""The newest frames, and the ring of visits that its readers miss nothing of."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import CursorExpiredError, CursorInvalidError
from graphql_api.live import Frames, VisitEvent, VisitRing
from graphql_api.pagination import decode_cursor, encode_cursor
from tests.api.doubles import entry, frame

SOON = 5.0


async def take(stream: AsyncIterator[tuple[str, VisitEvent]], count: int) -> list[tuple[str, VisitEvent]]:
    async with asyncio.timeout(SOON):
        return [await anext(stream) for _ in range(count)]


def filled(ring: VisitRing, partitions: list[int]) -> list[VisitEvent]:
    """Put one record after the other into the partitions named; returns their events."""
    offsets = dict.fromkeys(set(partitions), 0)
    events = []
    for partition in partitions:
        item = entry(offsets[partition], partition=partition)
        offsets[partition] += 1
        ring.put(item)
        events.append(item.event)
    return events


def test_a_reader_gets_the_newest_frame_and_misses_those_in_between() -> None:
    async def scenario() -> None:
        frames = Frames()
        frames.put(frame(1))
        first = await frames.after("door", None)
        for offset in (2, 3, 4):
            frames.put(frame(offset))
        newest = await asyncio.wait_for(frames.after("door", first), SOON)
        assert newest.tracks.seq == 4

    asyncio.run(scenario())


def test_a_reader_waits_for_its_own_camera_only() -> None:
    async def scenario() -> None:
        frames = Frames()
        waiting = asyncio.create_task(frames.after("door", None))
        frames.put(frame(1, camera_id="hall"))
        await asyncio.sleep(0)
        assert not waiting.done()
        frames.put(frame(1, camera_id="door"))
        assert (await asyncio.wait_for(waiting, SOON)).tracks.camera_id == "door"

    asyncio.run(scenario())


def test_a_frame_repeated_after_a_crash_changes_nothing() -> None:
    frames = Frames()
    frames.put(frame(5))
    frames.put(frame(4))
    assert frames.newest()["door"].tracks.seq == 5


@given(st.lists(st.integers(0, 2), max_size=40), st.data())
def test_a_reader_that_resumes_anywhere_gets_exactly_the_rest(partitions: list[int], data: st.DataObject) -> None:
    async def scenario() -> None:
        ring = VisitRing(size=100)
        ring.begin(dict.fromkeys(range(3), 0))
        stream = ring.follow(None)
        reading = asyncio.create_task(take(stream, len(partitions)))
        await asyncio.sleep(0)
        events = filled(ring, partitions)
        seen = await reading
        assert [event for _, event in seen] == events
        if events:
            cut = data.draw(st.integers(0, len(events) - 1))
            resumed = await take(ring.follow(seen[cut][0]), len(events) - cut - 1)
            assert resumed == seen[cut + 1 :]

    asyncio.run(scenario())


def test_a_cursor_that_fell_out_of_the_ring_is_expired_and_never_skips() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=3)
        ring.begin({0: 0})
        reading = asyncio.create_task(take(ring.follow(None), 1))
        await asyncio.sleep(0)
        filled(ring, [0])
        ((cursor, _),) = await reading
        for offset in range(1, 4):
            ring.put(entry(offset))
        assert len(await take(ring.follow(cursor), 3)) == 3
        ring.put(entry(4))
        with pytest.raises(CursorExpiredError, match="query zoneVisits"):
            await anext(ring.follow(cursor))

    asyncio.run(scenario())


def test_a_reader_too_slow_for_the_ring_is_told_and_never_skips() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=2)
        ring.begin({0: 0})
        stream = ring.follow(None)
        reading = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        ring.put(entry(0))
        await reading
        for offset in range(1, 4):
            ring.put(entry(offset))
        with pytest.raises(CursorExpiredError):
            await anext(stream)

    asyncio.run(scenario())


def test_a_record_repeated_after_a_crash_is_told_once() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=10)
        ring.begin({0: 0})
        reading = asyncio.create_task(take(ring.follow(None), 2))
        await asyncio.sleep(0)
        ring.put(entry(0))
        ring.put(entry(1, entry(0).event))
        ring.put(entry(2))
        assert [event.track_no for _, event in await reading] == [0, 2]

    asyncio.run(scenario())


def test_a_reader_waits_until_the_ring_has_begun() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=10)
        reading = asyncio.create_task(take(ring.follow(None), 1))
        await asyncio.sleep(0)
        ring.begin({0: 7})
        await asyncio.sleep(0)
        ring.put(entry(7))
        assert [event.track_no for _, event in await asyncio.wait_for(reading, SOON)] == [7]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        encode_cursor(["zoneVisits", "2026-01-01T00:00:00+00:00", "door", 1, "desk"]),
        encode_cursor(["aforo.zone-visits.v1", 0, [[0, "1"]]]),
        encode_cursor(["aforo.zone-visits.v1", 0, [[0, True]]]),
        encode_cursor(["aforo.zone-visits.v1", 0, [[0]]]),
        encode_cursor(["aforo.zone-visits.v1", 0, [[0, 1], [9, 1]]]),
        encode_cursor(["aforo.zone-visits.v1", "0", [[0, 1]]]),
    ],
)
def test_a_cursor_of_something_else_is_invalid(cursor: str) -> None:
    async def scenario() -> None:
        ring = VisitRing(size=10)
        ring.begin({0: 0})
        with pytest.raises(CursorInvalidError):
            await anext(ring.follow(cursor))

    asyncio.run(scenario())


def test_a_cursor_of_an_earlier_generation_of_the_topic_is_expired() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=10)
        ring.begin({0: 0})
        with pytest.raises(CursorExpiredError):
            await anext(ring.follow(encode_cursor(["aforo.zone-visits.v1", -1, [[0, 0]]])))

    asyncio.run(scenario())


def test_a_cursor_tells_nothing_but_positions() -> None:
    async def scenario() -> None:
        ring = VisitRing(size=10)
        ring.begin({0: 3, 1: 0})
        reading = asyncio.create_task(take(ring.follow(None), 1))
        await asyncio.sleep(0)
        ring.put(entry(3))
        ((cursor, _),) = await reading
        assert decode_cursor(cursor) == ["aforo.zone-visits.v1", 0, [[0, 4], [1, 0]]]

    asyncio.run(scenario())
