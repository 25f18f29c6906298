"""The newest frames: a reader gets the newest of its camera and misses those in between."""

import asyncio

from graphql_api.live import Frames
from tests.api.doubles import frame

SOON = 5.0


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
