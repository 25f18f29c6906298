"""The motion gate on made scenes: when it closes, what it still says, and who opens it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.handover import Guidance
from producers.motion import Motion, MotionGate, Verdict
from tests.producers.scenes import FRAME_MS, HEIGHT, WIDTH, Room, Watch


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def watch() -> Watch:
    return Watch(MotionGate())


def verdicts(watch: Watch, room: Room, seconds: float, *, person: bool = False) -> list[Verdict]:
    return [watch.judge(room.picture(), person=person) for _ in range(round(seconds * 1000 / FRAME_MS))]


def longest_ms(said: list[Verdict], *wanted: Verdict) -> int:
    """Between two of the verdicts wanted."""
    moments = [index * FRAME_MS for index, verdict in enumerate(said) if verdict in wanted]
    return max(later - earlier for earlier, later in pairwise(moments))


def test_it_closes_after_five_seconds_of_empty_detections_and_not_before(watch: Watch, room: Room) -> None:
    said = verdicts(watch, room, 10)
    assert said[:50] == ["look"] * 50
    assert "look" not in said[52:70]


def test_it_stays_open_while_the_detector_lags_behind(watch: Watch, room: Room) -> None:
    """Nobody has looked at five seconds yet, however long ago the first picture is."""
    began = watch.now
    for _ in range(200):
        assert watch.gate.judge(room.picture(), watch.now, Guidance(looked_at=began + 2_000)) == "look"
        watch.now += FRAME_MS


def test_it_stays_open_while_somebody_is_seen_who_does_not_move(watch: Watch, room: Room) -> None:
    assert set(verdicts(watch, room, 30, person=True)) == {"look"}


@pytest.mark.parametrize("frame_ms", [40, 100, 333, 900])
def test_while_closed_it_speaks_every_second_and_looks_every_five(watch: Watch, room: Room, frame_ms: int) -> None:
    watch.closed(room)
    spoke_at = looked_at = watch.now - FRAME_MS
    for _ in range(30_000 // frame_ms):
        verdict = watch.gate.judge(room.picture(), watch.now, watch.guidance)
        if verdict == "look":
            watch.guidance = Guidance(looked_at=watch.now)
            assert watch.now - looked_at <= 5_000
            looked_at = watch.now
        if verdict != "gate":
            assert watch.now - spoke_at <= 1_000
            spoke_at = watch.now
        watch.now += frame_ms


def test_most_frames_of_a_still_room_are_not_looked_at(watch: Watch, room: Room) -> None:
    said = verdicts(watch.closed(room), room, 30)
    assert said.count("look") <= 6
    assert said.count("watched") <= 33


def test_a_look_that_went_stale_is_asked_for_again(watch: Watch, room: Room) -> None:
    watch.closed(room)
    said = [watch.gate.judge(room.picture(), watch.now + index * FRAME_MS, watch.guidance) for index in range(60)]
    due = said.index("look")
    assert set(said[due:]) == {"look"}


def test_somebody_seen_by_a_look_through_the_closed_gate_opens_it(watch: Watch, room: Room) -> None:
    watch.closed(room)
    while watch.judge(room.picture(), person=True) != "look":
        pass
    assert set(verdicts(watch, room, 4)) == {"look"}


@pytest.mark.parametrize("sigma", [0, 4, 10])
def test_noise_opens_nothing(sigma: float) -> None:
    room = Room(sigma)
    motion = Motion()
    motion.seen_in(room.picture(), 0)
    assert not any(motion.seen_in(room.picture(), index * FRAME_MS) for index in range(1, 100))


# From a slow old man to a child that runs; as tall as the detector needs; darker or lighter than the wall.
@settings(max_examples=40)
@given(
    px_per_s=st.floats(4, 400),
    tall=st.integers(40, 200),
    contrast=st.one_of(st.floats(-70, -30), st.floats(30, 85)),
    seed=st.integers(0, 1000),
)
def test_whoever_walks_in_at_the_edge_of_the_picture_moves_something_before_all_of_them_is_there(
    px_per_s: float, tall: int, contrast: float, seed: int
) -> None:
    room, motion = Room(seed=seed), Motion()
    before = [motion.seen_in(room.picture(), now) for now in range(0, 1000, FRAME_MS)]
    assert before == [True] + [False] * 9
    entered_px, now = 0.0, 1000
    while not motion.seen_in(room.picture(person=(int(entered_px), tall, contrast)), now):
        now += FRAME_MS
        entered_px += px_per_s * FRAME_MS / 1000
        # A step of one frame may take all of a runner in at once.
        assert entered_px <= max(tall / 3, px_per_s * FRAME_MS / 1000 + 4)


def test_whoever_walks_in_opens_a_closed_gate(watch: Watch, room: Room) -> None:
    watch.closed(room)
    assert watch.judge(room.picture(person=(20, 100, 60))) == "look"


@pytest.mark.parametrize("light", [-60, 80])
def test_lamps_open_it_once_and_do_not_hold_it_open(watch: Watch, room: Room, light: float) -> None:
    watch.closed(room)
    assert watch.judge(room.picture(light=light)) == "look"
    said = [watch.judge(room.picture(light=light)) for _ in range(100)]
    assert said[:49] == ["look"] * 49
    assert "look" not in said[52:70]


def test_daylight_that_fades_slowly_opens_nothing(watch: Watch, room: Room) -> None:
    watch.closed(room)
    motion = watch.gate._motion
    moments = range(watch.now, watch.now + 60_000, FRAME_MS)
    assert not any(motion.seen_in(room.picture(light=-(index / 10)), now) for index, now in enumerate(moments))


def test_what_happens_under_a_mask_moves_nothing(room: Room) -> None:
    motion = Motion()
    for index in range(50):
        picture = room.picture(person=(100 + index, 150, 80))
        picture[:, : WIDTH // 2 + 20] = 0
        assert motion.seen_in(picture, index * FRAME_MS) == (index == 0)


def test_what_was_told_of_another_session_counts_for_nothing(watch: Watch, room: Room) -> None:
    """A session whose clock runs an hour behind: the moments told lie in its future."""
    watch.guidance = Guidance(looked_at=watch.now + 3_600_000, seen_at=watch.now + 3_600_000)
    said = [watch.gate.judge(room.picture(), watch.now + index * FRAME_MS, watch.guidance) for index in range(100)]
    assert set(said) == {"look"}
    watch.guidance = Guidance(looked_at=watch.now + 9_900, seen_at=watch.now - 3_600_000)
    assert watch.gate.judge(room.picture(), watch.now + 10_000, watch.guidance) != "look"


def test_pictures_of_any_shape_are_judged() -> None:
    for shape in ((2, 2), (1, 400), (HEIGHT, WIDTH), (1080, 1920)):
        motion = Motion()
        assert motion.seen_in(np.zeros(shape, dtype=np.uint8), 0)
        assert not motion.seen_in(np.zeros(shape, dtype=np.uint8), 100)
