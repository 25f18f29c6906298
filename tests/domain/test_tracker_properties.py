"""What holds for every scene: order decides nothing, a snapshot changes nothing, and numbers keep their promises."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_processors.domain.boxes import Floats
from stream_processors.domain.tracker import Frame, TrackerState, dump, load, update
from tests.domain.tracker_scenes import CONTRACT, START, frame, tell, walk

_STEPS = st.sampled_from([33, 100, 100, 100, 300, 1_000, 2_500])
_SIGHTS = st.tuples(
    st.integers(0, 12), st.integers(0, 3), st.integers(0, 6), st.sampled_from([0.2, 0.4, 0.55, 0.7, 0.9])
)


@st.composite
def scenes(draw: st.DrawFn) -> list[Frame]:
    """Up to 25 frames of up to 8 boxes on a coarse grid, so that overlaps, ties and losses are common."""
    at, frames = 0, []
    for step in draw(st.lists(_STEPS, min_size=1, max_size=25)):
        at += step
        sights = draw(st.lists(_SIGHTS, max_size=8, unique_by=lambda sight: sight[:3]))
        boxes = [
            ((20.0 * x, 30.0 * y, 20.0 * x + 40 + size, 30.0 * y + 100 + size), score) for x, y, size, score in sights
        ]
        frames.append(frame(at, *boxes))
    return frames


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_detections_decides_nothing(frames: list[Frame], random: np.random.RandomState) -> None:
    shuffled = []
    for current in frames:
        order = list(range(len(current.scores)))
        random.shuffle(order)
        shuffled.append(Frame(current.observed_at, current.boxes[order], current.scores[order], CONTRACT))
    one, other = tell(frames), tell(shuffled)
    assert dump(one.state) == dump(other.state)
    assert one.seen == other.seen
    assert one.ended == other.ended


@given(scenes())
def test_restored_before_every_frame_the_tracker_gives_the_same_bits(frames: list[Frame]) -> None:
    straight = restored = TrackerState.empty()
    for current in frames:
        straight, expected = update(straight, current)
        restored, got = update(load(dump(restored)), current)
        assert dump(restored) == dump(straight)
        assert got.track_no.tobytes() == expected.track_no.tobytes()
        assert got.detection.tobytes() == expected.detection.tobytes()
        assert got.backlog_boxes.tobytes() == expected.backlog_boxes.tobytes()
        assert got.ended == expected.ended


@given(scenes())
def test_every_match_is_a_detection_from_the_floor_on_used_once(frames: list[Frame]) -> None:
    state = TrackerState.empty()
    for current in frames:
        state, tracked = update(state, current)
        assert (current.scores[tracked.detection] >= CONTRACT.floor).all()
        assert len(set(tracked.detection.tolist())) == len(tracked.detection)
        assert tracked.track_no.tolist() == sorted(set(tracked.track_no.tolist()))


@given(scenes())
def test_backlog_comes_by_time_and_number_and_before_its_frame(frames: list[Frame]) -> None:
    for current, tracked in zip(frames, tell(frames).outputs, strict=True):
        keys = list(zip(tracked.backlog_observed_at.tolist(), tracked.backlog_track_no.tolist(), strict=True))
        assert keys == sorted(keys)
        assert all(observed_at < current.observed_at for observed_at, _ in keys)
        assert set(tracked.backlog_track_no.tolist()) <= set(tracked.track_no.tolist())


@given(scenes())
def test_an_ended_track_is_told_once_with_all_that_was_seen_of_it_and_never_seen_again(frames: list[Frame]) -> None:
    over: set[int] = set()
    story = tell(frames)
    for tracked in story.outputs:
        assert over.isdisjoint(tracked.track_no.tolist())
        over |= {track.track_no for track in tracked.ended}
    assert len(over) == len(story.ended)
    for track in story.ended:
        seen = story.seen[track.track_no]
        assert (track.started_at, track.ended_at, track.observations) == (seen[0][0], seen[-1][0], len(seen))


@given(scenes())
def test_a_number_is_never_below_its_first_detection_and_each_new_one_is_higher(frames: list[Frame]) -> None:
    highest = 0
    story = tell(frames)
    for tracked in story.outputs:
        for number in tracked.backlog_track_no.tolist():
            assert number >= story.seen[number][0][0]
        fresh = sorted(set(tracked.backlog_track_no.tolist()))
        assert all(number > highest for number in fresh)
        highest = max([highest, *fresh])


_ANY = st.floats(width=64, allow_nan=True, allow_infinity=True)


@example([[(1e308, 0.0, -1e308, 0.0, 0.9)]])
@given(st.lists(st.lists(st.tuples(_ANY, _ANY, _ANY, _ANY, _ANY), max_size=6), min_size=1, max_size=6))
def test_no_numbers_whatever_break_the_tracker_or_poison_its_state(rows: list[list[tuple[float, ...]]]) -> None:
    state = TrackerState.empty()
    for number, sights in enumerate(rows):
        values: Floats = np.array(sights, np.float64).reshape(-1, 5)
        state, _ = update(state, Frame(START + 100 * number, values[:, :4], values[:, 4], CONTRACT))
        state, _ = update(state, Frame(START + 100 * number + 50, values[:, :4], values[:, 4], CONTRACT))
        assert np.isfinite(state.filters).all()
        assert (state.filters[2] > 0).all()


@pytest.mark.parametrize("interval_ms", [33, 100, 200, 300])
@settings(max_examples=30)
@given(speed=st.floats(-60, 60), pause_ms=st.integers(0, 600))
def test_a_walker_is_one_track_at_any_frame_rate(interval_ms: int, speed: float, pause_ms: int) -> None:
    """Bounds: up to 0.6 heights a second, hidden for up to 0.6 s; from 30 down to 3.3 frames a second."""
    times = [at for at in range(0, 6_000, interval_ms) if not 3_000 < at <= 3_000 + pause_ms]
    story = tell(walk(times, 500, speed))
    assert len(story.numbers) == 1
    assert len(story.seen[START]) == len(times)
