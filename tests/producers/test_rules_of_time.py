"""The edge's pure rules: frame rate, back-off, event time of a session and of a live camera."""

from itertools import accumulate, pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.backoff import delay_s
from producers.clock import LiveClock, SessionClock
from producers.rate import FrameRate
from producers.sources.source import LossReason
from schemas.events import TimeSource
from tests.producers.clocks import ManualClock

fps = st.floats(0.5, 60)


@given(fps, st.lists(st.integers(1, 400), min_size=1, max_size=200))
def test_no_stretch_of_time_holds_more_frames_than_the_target_and_one(target: float, gaps: list[int]) -> None:
    rate = FrameRate()
    taken = [moment for moment in accumulate(gaps) if rate.wants(moment, target)]
    interval = 1000 / target
    for first in range(len(taken)):
        for last in range(first + 1, len(taken)):
            # A frame may come half an interval early, never more, however many went before it.
            assert taken[last] - taken[first] >= (last - first - 0.5) * interval - 1e-6


# A quarter of an interval is allowed; rounding to whole milliseconds takes the rest of it at 40 frames a second.
@given(st.floats(0.5, 40), st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=200))
def test_a_jittery_camera_at_its_target_rate_loses_no_frame(target: float, jitter: list[float]) -> None:
    interval = 1000 / target
    rate = FrameRate()
    moments = [round((index + shift) * interval) for index, shift in enumerate(jitter, start=1)]
    assert all(rate.wants(moment, target) for moment in moments)


def test_a_fast_camera_is_thinned_to_its_target() -> None:
    rate = FrameRate()
    wanted = sum(rate.wants(round(index * 1000 / 30), 10) for index in range(300))
    assert wanted in {100, 101}  # ten seconds have a frame at both ends, or not


def test_the_first_frame_after_a_long_gap_is_wanted_and_brings_no_burst() -> None:
    rate = FrameRate()
    assert [rate.wants(moment, 10) for moment in (0, 60_000, 60_033, 60_067, 60_100)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_rate_that_is_lowered_and_raised_holds_from_the_next_frame_on() -> None:
    rate = FrameRate()
    at_ten = [rate.wants(moment, 10) for moment in range(0, 1000, 100)]
    at_two = [rate.wants(moment, 2) for moment in range(1000, 3000, 100)]
    at_ten_again = [rate.wants(moment, 10) for moment in range(3000, 4000, 100)]
    assert all(at_ten)
    assert sum(at_two) in {4, 5}
    assert sum(at_ten_again) >= 9


@pytest.mark.parametrize(
    ("reason", "delays"),
    [
        ("TIMEOUT", [0.25, 0.5, 1, 2, 4, 5, 5]),
        ("REFUSED", [0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        ("NOT_FOUND", [0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        ("AUTHENTICATION", [60] * 7),
    ],
)
def test_delays_double_up_to_the_cap_of_their_reason(reason: LossReason, delays: list[float]) -> None:
    assert [delay_s(reason, failures, 0.5) for failures in (1, 2, 3, 4, 5, 6, 1000)] == delays


@given(st.sampled_from(get_args(LossReason)), st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_stays_within_its_share(reason: LossReason, failures: int, random: float) -> None:
    plain = delay_s(reason, failures, 0.5)
    assert plain * 0.8 <= delay_s(reason, failures, random) <= plain * 1.2 + 1e-9


@pytest.mark.parametrize("reason", ["REFUSED", "NOT_FOUND", "END_OF_STREAM"])
@given(failures=st.integers(1, 10_000), random=st.floats(0, 1))
def test_a_restarted_server_is_asked_again_within_a_second(reason: LossReason, failures: int, random: float) -> None:
    assert delay_s(reason, failures, random) <= 1


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_event_time_increases_strictly_whatever_the_frames_say(moments: list[float]) -> None:
    session = SessionClock(1_700_000_000_000)
    times = [session.observed_at(moment) for moment in moments]
    assert all(later > earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize(("elapsed_s", "ms"), [(0, 0), (0.1, 100), (1.2345, 1234), (3600, 3_600_000)])
def test_event_time_is_the_sessions_begin_and_the_time_since(elapsed_s: float, ms: int) -> None:
    assert SessionClock(1_700_000_000_000).observed_at(elapsed_s) == 1_700_000_000_000 + ms


def steps(clock: Any, live: LiveClock, count: int, media_s: float | None = None) -> list[tuple[int, TimeSource, int]]:
    """Frames every 100 ms; with `media_s`, that much into the stream's own time."""
    moments = []
    for index in range(count):
        moment = live.moment(None if media_s is None else media_s + index / 10)
        moments.append((moment.observed_at, moment.time_source, moment.run))
        clock.sleep(0.1)
    return moments


def test_a_live_frame_is_stamped_on_arrival(clock: Any) -> None:
    now = clock.utc_ms()
    assert steps(clock, LiveClock(clock), 3) == [(now + after, "ARRIVAL", 0) for after in (0, 100, 200)]


def test_a_clock_that_is_slewed_bends_no_duration(clock: Any) -> None:
    live = LiveClock(clock)
    times = []
    for _ in range(20):
        times += steps(clock, live, 1)
        clock.wall_offset_ms += 40  # 0.8 s in all
    assert {later[0] - earlier[0] for earlier, later in pairwise(times)} == {100}
    assert {run for *_, run in times} == {0}


@pytest.mark.parametrize("step_ms", [-3_600_000, -1_500, 1_500, 3_600_000, 1_700_000_000_000])
def test_a_step_of_the_hosts_clock_begins_a_run_in_the_new_time(clock: Any, step_ms: int) -> None:
    live = LiveClock(clock)
    before = steps(clock, live, 3)
    clock.wall_offset_ms += step_ms
    after = steps(clock, live, 3)
    assert {run for *_, run in before} == {0}
    assert {run for *_, run in after} == {1}
    assert after[0][0] - before[-1][0] == 100 + step_ms


def test_the_cameras_own_clock_is_taken_once_it_is_told_and_begins_a_run(clock: Any) -> None:
    live = LiveClock(clock)
    before = steps(clock, live, 3, media_s=7.0)
    live.camera_said(clock.utc_ms() - 250, media_s=7.3)  # 250 ms on the way
    taken_at = clock.utc_ms() - 250
    assert steps(clock, live, 3, media_s=7.3) == [(taken_at + after, "RTCP", 1) for after in (0, 100, 200)]
    assert {(source, run) for _, source, run in before} == {("ARRIVAL", 0)}


def test_the_network_makes_no_cameras_time_jitter(clock: Any) -> None:
    live = LiveClock(clock)
    live.camera_said(clock.utc_ms(), media_s=0.0)
    times = []
    for index, delay_ms in enumerate([0, 300, 20, 900, 0, 150]):
        clock.sleep(delay_ms / 1000)
        times.append(live.moment(index / 10).observed_at)
    assert {later - earlier for earlier, later in pairwise(times)} == {100}


@pytest.mark.parametrize("skew_ms", [-1_700_000_000_000, -6_000, 6_000, 86_400_000])
def test_a_camera_with_a_wrong_clock_is_not_believed(clock: Any, skew_ms: int) -> None:
    live = LiveClock(clock)
    live.camera_said(clock.utc_ms() + skew_ms, media_s=0.0)
    live.camera_said(clock.utc_ms(), media_s=0.0)  # not even when it comes right: it would go wrong again
    assert steps(clock, live, 2, media_s=0.0)[0] == (clock.utc_ms() - 200, "ARRIVAL", 0)


def test_a_camera_whose_clock_goes_wrong_falls_back_to_arrival_in_a_new_run(clock: Any) -> None:
    live = LiveClock(clock)
    live.camera_said(clock.utc_ms(), media_s=0.0)
    right = steps(clock, live, 2, media_s=0.0)
    live.camera_said(0, media_s=0.2)  # 1970
    assert [entry[1:] for entry in right + steps(clock, live, 2, media_s=0.2)] == [("RTCP", 0)] * 2 + [
        ("ARRIVAL", 1)
    ] * 2


def test_a_step_of_the_cameras_clock_begins_a_run_and_a_correction_does_not(clock: Any) -> None:
    live = LiveClock(clock)
    runs = []
    for correction_ms in (0, 30, -20, 2_000):
        live.camera_said(clock.utc_ms() + correction_ms, media_s=clock.monotonic())
        runs.append(live.moment(clock.monotonic()).run)
    assert runs == [0, 0, 0, 1]


reports = st.one_of(st.none(), st.integers(-10_000, 10_000))


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(-5_000, 5_000), reports), max_size=60))
def test_within_a_run_time_increases_and_comes_from_one_source_whatever_the_clocks_do(
    happenings: list[tuple[int, int, int | None]],
) -> None:
    clock = ManualClock()
    live = LiveClock(clock)
    moments = []
    for passed_ms, step_ms, skew_ms in happenings:
        clock.sleep(passed_ms / 1000)
        clock.wall_offset_ms += step_ms
        if skew_ms is not None:
            live.camera_said(clock.utc_ms() + skew_ms, media_s=clock.monotonic())
        moments.append(live.moment(clock.monotonic()))
    assert [moment.run for moment in moments] == sorted(moment.run for moment in moments)
    for earlier, later in pairwise(moments):
        if earlier.run == later.run:
            assert later.observed_at > earlier.observed_at
            assert later.time_source == earlier.time_source
