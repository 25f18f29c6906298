"""How the edge shares out what it can do: evenly, never below what tracking needs, and back up when there is room."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.frames import Frame
from producers.handover import Captured
from producers.load import (
    BUSY_FPS,
    IDLE_FPS,
    MAX_FPS,
    REST_TICKS,
    RETURN_TICKS,
    SEEN_MS,
    TURN_S,
    Load,
    LoadControl,
    Tally,
    after_tick,
    fps_of,
    resting,
)


def captured(camera_id: str, number: int, observed_at: int = 0, session: str = "s") -> Captured:
    frame = Frame(observed_at, "ARRIVAL", 2, 2, lambda: np.zeros((2, 2, 3), dtype=np.uint8))
    return Captured(camera_id, session, number, frame, gated=False, skipped={})


def overloaded(looked: int = 3) -> Tally:
    return Tally({"a": looked, "b": looked}, stale=looked)


def test_a_few_stale_frames_are_no_overload() -> None:
    assert after_tick(Load(), Tally({"a": 10, "b": 10}, stale=2), 2).cap_fps == MAX_FPS


def test_a_hiccup_changes_nothing_and_an_overload_brings_the_cap_to_what_could_be_done() -> None:
    hiccup = after_tick(Load(), overloaded(3), 2)
    assert hiccup.cap_fps == MAX_FPS
    assert after_tick(hiccup, Tally({"a": 10}), 2).cap_fps == MAX_FPS
    assert after_tick(hiccup, overloaded(3), 2).cap_fps == pytest.approx(0.8 * 4)


def test_the_cap_rises_by_a_small_step_each_calm_second() -> None:
    load = Load(cap_fps=3.0)
    for _ in range(8):
        load = after_tick(load, Tally({"a": 3}), 1)
    assert load.cap_fps == pytest.approx(5.0)


def test_with_the_cap_at_its_end_cameras_rest_one_more_at_a_time_but_never_all() -> None:
    load = Load(cap_fps=IDLE_FPS)
    rested = [(load := after_tick(load, overloaded(), 3)).resting for _ in range(4 * REST_TICKS)]
    assert rested[REST_TICKS - 1 :: REST_TICKS] == [1, 2, 2, 2]


def test_an_overload_that_comes_and_goes_lets_no_camera_rest() -> None:
    load = Load(cap_fps=IDLE_FPS)
    for tick in range(10 * REST_TICKS):
        load = after_tick(load, Tally({"a": 1}) if tick % REST_TICKS == 0 else overloaded(), 3)
    assert load.resting == 0


def test_a_resting_camera_is_looked_at_again_after_a_calm_while_and_before_the_cap_rises() -> None:
    load = Load(cap_fps=IDLE_FPS, resting=1)
    for _ in range(RETURN_TICKS):
        assert (load.resting, load.cap_fps) == (1, IDLE_FPS)
        load = after_tick(load, Tally({"a": 1}), 2)
    assert load.resting == 0
    assert after_tick(load, Tally({"a": 1}), 2).cap_fps > IDLE_FPS


@given(st.integers(1, 12), st.integers(0, 11))
def test_cameras_rest_in_turn_and_equally_often(cameras: int, rest: int) -> None:
    names = [f"c{number:02}" for number in range(cameras)]
    rest = min(rest, cameras - 1)
    turns = [resting(Load(resting=rest), names, turn * TURN_S + 1) for turn in range(cameras)]
    assert all(len(turn) == rest for turn in turns)
    assert Counter(name for turn in turns for name in turn) == (
        Counter(dict.fromkeys(names, rest)) if rest else Counter()
    )


def test_one_camera_at_a_time_is_relieved_and_one_more_that_rests_disturbs_no_other() -> None:
    names = [f"c{number}" for number in range(8)]
    for turn in range(8):
        now, later = turn * TURN_S, (turn + 1) * TURN_S
        three = resting(Load(resting=3), names, now)
        assert len(three & resting(Load(resting=3), names, later)) == 2
        assert three < resting(Load(resting=4), names, now)


def test_a_camera_that_sees_somebody_keeps_what_tracking_needs() -> None:
    load = Load(cap_fps=2.0)
    assert fps_of(load, seen=True) == BUSY_FPS
    assert fps_of(load, seen=False) == 2.0


def test_somebody_counts_as_seen_for_five_seconds_of_event_time() -> None:
    control = LoadControl(0.0)
    for number, moment in enumerate([0, SEEN_MS, SEEN_MS + 1]):
        frame = captured("a", number, moment)
        control.came(frame)
        control.looked(frame, seen=moment == 0)
        control.load = Load(cap_fps=1.0)
        assert (control.guidance("a").fps == BUSY_FPS) == (moment <= SEEN_MS)
    assert (control.guidance("a").looked_at, control.guidance("a").seen_at) == (SEEN_MS + 1, 0)


def test_frames_that_never_came_are_counted_by_their_numbers_within_a_session() -> None:
    control = LoadControl(0.0)
    for number, session in [(0, "s"), (4, "s"), (2, "t"), (3, "t")]:
        control.came(captured("a", number, session=session))
    assert control._tally.stale == 3 + 2


def detector_of(capacity: int, cameras: int, wanted_fps: float, seconds: int, counted_s: int = 60) -> Counter[str]:
    """Frames looked at per camera in the last of these seconds by a detector that does `capacity` a second, in turns."""
    control = LoadControl(0.0)
    names = [f"c{number}" for number in range(cameras)]
    numbers: Counter[str] = Counter()
    done: Counter[str] = Counter()
    backlog = dict.fromkeys(names, 0.0)
    for second in range(seconds):
        for name in names:
            backlog[name] += min(wanted_fps, control.guidance(name).fps)
        room = capacity
        while room and any(left >= 1 for left in backlog.values()):
            for name in names:
                if room and backlog[name] >= 1:
                    backlog[name] -= 1
                    room -= 1
                    frame = captured(name, numbers[name], 1_000 * second)
                    numbers[name] += 1
                    control.came(frame)
                    control.looked(frame, seen=True)
                    done[name] += second >= seconds - counted_s
        for name in names:  # what nobody came to is stale: the next frame's number tells
            numbers[name] += int(backlog[name])
            backlog[name] -= int(backlog[name])
        assert control.tick(second + 1.0)
    return done


def test_a_detector_that_is_fast_enough_is_left_alone() -> None:
    assert set(detector_of(capacity=80, cameras=8, wanted_fps=10, seconds=120).values()) == {600}


def test_a_detector_that_is_too_slow_serves_all_cameras_evenly_and_nearly_as_much_as_it_can() -> None:
    done = detector_of(capacity=48, cameras=8, wanted_fps=10, seconds=180)
    assert max(done.values()) / min(done.values()) <= 1.2
    assert sum(done.values()) >= 0.75 * 48 * 60


def test_far_too_slow_a_detector_lets_cameras_rest_in_turn_and_none_is_forgotten() -> None:
    round_s = int(8 * TURN_S)
    done = detector_of(capacity=16, cameras=8, wanted_fps=10, seconds=2 * round_s, counted_s=round_s)
    assert max(done.values()) / min(done.values()) <= 1.5
    assert sum(done.values()) >= 0.6 * 16 * round_s


def test_a_camera_that_ended_is_not_counted_among_those_that_may_rest() -> None:
    control = LoadControl(0.0)
    control.came(captured("a", 0))
    control.came(captured("b", 0))
    control.ended("b")
    control.load = Load(cap_fps=IDLE_FPS)
    for second in range(1, 3 * REST_TICKS):
        control.came(captured("a", 50 * second))
        assert control.tick(second + 1.0)
    assert control.load.overloaded
    assert control.load.resting == 0
