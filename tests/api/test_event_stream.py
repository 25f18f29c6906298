"""A reader of an event stream gets each event once, wherever it resumes, and is told when that cannot be."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.cursors import EARLIEST
from graphql_api.errors import CursorExpiredError, CursorInvalidError
from graphql_api.event_stream import CaughtUp, Heartbeat, Reader, follow, go_on
from graphql_api.ring import RingEntry
from tests.api.stored import SOON, Topic, caught_up, everyone, take


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 50), st.data())
def test_a_reader_killed_anywhere_and_resumed_at_any_process_gets_each_event_once(
    partitions: list[int], ring: int, data: st.DataObject
) -> None:
    async def scenario() -> None:
        topic = Topic(3)
        told: list[Any] = []
        after = (await caught_up(topic, topic.source(ring)))[-1].cursor
        while partitions:
            count = data.draw(st.integers(1, len(partitions)), "published")
            for _ in range(count):
                topic.publish(partitions.pop())
            # Whatever a process that starts now does not read into its ring is in the database.
            topic.stored = data.draw(st.integers(topic.stored, len(topic.records)), "stored")
            source = topic.source(ring, start=data.draw(st.integers(0, topic.stored), "start"))
            topic.stored = max(topic.stored, source.ring.oldest + len(topic.records) - source.ring.arrived)
            items = await caught_up(topic, source, after)
            kept = data.draw(st.integers(0, len(items)), "received before the kill")
            if kept:
                told += [item.told for item in items[:kept] if not isinstance(item.told, CaughtUp)]
                after = items[kept - 1].cursor
        topic.stored = len(topic.records)
        told += [item.told for item in (await caught_up(topic, topic.source(ring), after))[:-1]]
        for camera_id in topic.cameras:
            mine = [each.event for each in topic.records if each.event.camera_id == camera_id]
            assert [event for event in told if event.camera_id == camera_id] == mine

    run(scenario())


def test_a_reader_without_a_cursor_gets_only_what_comes_and_a_cursor_at_once() -> None:
    async def scenario() -> None:
        topic = Topic()
        topic.publish()
        source = topic.source(10)
        stream = follow(source, topic, everyone(), None)
        first = await anext(stream)
        assert isinstance(first.told, CaughtUp)
        news = topic.publish()
        source.ring.put(news)
        assert [item.told for item in await take(stream, 1)] == [news.event]
        assert [item.told for item in (await caught_up(topic, source, first.cursor))[:-1]] == [news.event]

    run(scenario())


def test_a_reader_too_slow_for_the_ring_goes_on_from_the_database() -> None:
    async def scenario() -> None:
        topic = Topic()
        source = topic.source(2)
        stream = follow(source, topic, everyone(), None)
        await anext(stream)
        for _ in range(7):
            source.ring.put(topic.publish())
            topic.stored = len(topic.records)
        assert [item.told for item in await take(stream, 7)] == [each.event for each in topic.records]

    run(scenario())


def test_a_reader_waits_while_the_projector_is_behind_the_ring_and_nothing_is_skipped() -> None:
    async def scenario() -> None:
        topic = Topic()
        for _ in range(6):
            topic.publish()
        topic.stored = 2
        stream = follow(topic.source(2), topic, everyone(), EARLIEST)
        assert len(await take(stream, 2)) == 2
        waiting = asyncio.create_task(take(stream, 4))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        topic.stored = 4
        assert [item.told for item in await waiting] == [each.event for each in topic.records[2:]]

    run(scenario())


def test_a_reader_holds_while_the_database_is_away_and_shows_that_it_lives() -> None:
    async def scenario() -> None:
        topic = Topic()
        for _ in range(4):
            topic.publish()
        topic.stored, topic.away = 4, True
        stream = follow(topic.source(1), topic, everyone(heartbeat_s=0.01), EARLIEST)
        async with asyncio.timeout(SOON):
            assert isinstance((await anext(stream)).told, Heartbeat)
        topic.away = False
        assert len(await take(stream, 4)) == 4

    run(scenario())


def test_a_heartbeat_moves_the_cursor_past_what_the_filter_hides() -> None:
    async def scenario() -> None:
        topic = Topic(2)
        mine, other = topic.cameras
        reader = Reader("mine", lambda camera_id: camera_id == mine, [mine], heartbeat_s=0.05)
        source = topic.source(10)
        stream = follow(source, topic, reader, None)
        await anext(stream)
        for _ in range(3):
            hidden = topic.publish(1)
            assert hidden.event.camera_id == other
            source.ring.put(hidden)
        async with asyncio.timeout(SOON):
            beat = await anext(stream)
            while beat.joined is None or beat.joined.places[1] != hidden.place:
                beat = await anext(stream)
        assert isinstance(beat.told, Heartbeat)

    run(scenario())


def test_a_record_repeated_after_a_crash_is_told_once() -> None:
    async def scenario() -> None:
        topic = Topic()
        source = topic.source(10)
        stream = follow(source, topic, everyone(), None)
        await anext(stream)
        first = topic.publish()
        source.ring.put(first)
        source.ring.put(RingEntry(0, 1, first.event))
        last = topic.publish()
        source.ring.put(RingEntry(0, 2, last.event))
        assert [item.told for item in await take(stream, 2)] == [first.event, last.event]

    run(scenario())


def test_another_execution_goes_on_exactly_where_one_was() -> None:
    async def scenario() -> None:
        topic = Topic(2)
        source = topic.source(10)
        stream = follow(source, topic, everyone(), None)
        await anext(stream)
        for partition in (0, 1, 0):
            source.ring.put(topic.publish(partition))
        (item,) = await take(stream, 1)
        assert item.joined
        rest = await take(go_on(source, topic, everyone(), item.joined), 2)
        assert rest == await take(stream, 2)

    run(scenario())


def test_a_reader_whom_the_database_told_more_than_the_ring_joins_nobody_until_the_ring_has_it() -> None:
    async def scenario() -> None:
        topic = Topic()
        first = topic.publish()
        source = topic.source(1)
        for _ in range(2):
            topic.publish()
        topic.stored = 3
        source.ring.put(topic.records[1])
        stream = follow(source, topic, everyone(), EARLIEST)
        assert [item.told for item in await take(stream, 3)] == [each.event for each in topic.records]
        caught_up = await anext(stream)
        assert (caught_up.told, caught_up.joined) == (CaughtUp(), None)
        source.ring.put(topic.records[2])
        source.ring.put(topic.publish())
        (last,) = await take(stream, 1)
        assert last.told == topic.records[3].event != first.event
        assert last.joined

    run(scenario())


def test_a_cursor_whose_sequel_retention_removed_is_expired_and_names_where_to_go_on() -> None:
    async def scenario() -> None:
        topic = Topic()
        cursor = (await caught_up(topic, topic.source(1)))[-1].cursor
        for _ in range(3):
            topic.publish()
        after = (await caught_up(topic, topic.source(10), cursor))[0].cursor
        for _ in range(9):
            topic.publish()
        topic.stored, topic.removed = 12, 5
        with pytest.raises(CursorExpiredError) as expired:
            await caught_up(topic, topic.source(2, start=10), after)
        details = expired.value.extensions
        assert len(await caught_up(topic, topic.source(2, start=10), str(details["earliest"]))) == 7 + 1
        assert len(await caught_up(topic, topic.source(2, start=10), str(details["latest"]))) == 0 + 1

    run(scenario())


@pytest.mark.parametrize(("partitions", "epoch"), [(3, 0), (2, 1)])
def test_a_cursor_from_before_the_topic_was_made_anew_is_expired(partitions: int, epoch: int) -> None:
    async def scenario() -> None:
        before, now = Topic(2), Topic(partitions)
        cursor = (await caught_up(before, before.source(5)))[-1].cursor
        source = now.source(5, epoch=epoch)
        with pytest.raises(CursorExpiredError, match="not kept"):
            await caught_up(now, source, cursor)

    run(scenario())


def test_a_cursor_made_with_another_filter_is_invalid() -> None:
    async def scenario() -> None:
        topic = Topic()
        cursor = (await caught_up(topic, topic.source(5)))[-1].cursor
        other = Reader("other", lambda _: True)
        with pytest.raises(CursorInvalidError, match="filter"):
            await anext(follow(topic.source(5), topic, other, cursor))

    run(scenario())


def test_a_reader_waits_until_the_ring_holds_what_was_there_when_it_began() -> None:
    async def scenario() -> None:
        topic = Topic()
        topic.publish()
        source = Topic().source(10)
        source.ring.begin({0: (0, 1)})
        waiting = asyncio.ensure_future(anext(follow(source, topic, everyone(), EARLIEST)))
        await asyncio.sleep(0)
        assert not waiting.done()
        source.ring.put(topic.records[0])
        assert (await asyncio.wait_for(waiting, SOON)).told == topic.records[0].event

    run(scenario())
