"""The edge's pure rules: frame rate, back-off, event time of a session."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.backoff import Backoff
from producers.clock import SessionClock
from producers.rate import FrameRate

fps = st.floats(0.5, 60)


@given(fps, st.lists(st.integers(1, 400), min_size=1, max_size=200))
def test_no_stretch_of_time_holds_more_frames_than_the_target_and_one(target: float, gaps: list[int]) -> None:
    rate = FrameRate(target)
    taken = [moment for moment in accumulate(gaps) if rate.wants(moment)]
    interval = 1000 / target
    for first in range(len(taken)):
        for last in range(first + 1, len(taken)):
            # A frame may come half an interval early, never more, however many went before it.
            assert taken[last] - taken[first] >= (last - first - 0.5) * interval - 1e-6


# A quarter of an interval is allowed; rounding to whole milliseconds takes the rest of it at 40 frames a second.
@given(st.floats(0.5, 40), st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=200))
def test_a_jittery_camera_at_its_target_rate_loses_no_frame(target: float, jitter: list[float]) -> None:
    interval = 1000 / target
    rate = FrameRate(target)
    moments = [round((index + shift) * interval) for index, shift in enumerate(jitter, start=1)]
    assert all(rate.wants(moment) for moment in moments)


def test_a_fast_camera_is_thinned_to_its_target() -> None:
    rate = FrameRate(10)
    wanted = sum(rate.wants(round(index * 1000 / 30)) for index in range(300))
    assert wanted in {100, 101}  # ten seconds have a frame at both ends, or not


def test_the_first_frame_after_a_long_gap_is_wanted_and_brings_no_burst() -> None:
    rate = FrameRate(10)
    assert [rate.wants(moment) for moment in (0, 60_000, 60_033, 60_067, 60_100)] == [True, True, False, True, False]


def test_delays_double_up_to_the_cap() -> None:
    delays = [Backoff(base_s=0.25, cap_s=5).delay_s(failures, 0.5) for failures in (1, 2, 3, 4, 5, 6, 1000)]
    assert delays == [0.25, 0.5, 1, 2, 4, 5, 5]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_stays_within_its_share(failures: int, random: float) -> None:
    backoff = Backoff(jitter=0.2)
    plain = backoff.delay_s(failures, 0.5)
    assert plain * 0.8 <= backoff.delay_s(failures, random) <= plain * 1.2 + 1e-9


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_event_time_increases_strictly_whatever_the_frames_say(moments: list[float]) -> None:
    session = SessionClock(1_700_000_000_000)
    times = [session.observed_at(moment) for moment in moments]
    assert all(later > earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize(("elapsed_s", "ms"), [(0, 0), (0.1, 100), (1.2345, 1234), (3600, 3_600_000)])
def test_event_time_is_the_sessions_begin_and_the_time_since(elapsed_s: float, ms: int) -> None:
    assert SessionClock(1_700_000_000_000).observed_at(elapsed_s) == 1_700_000_000_000 + ms
