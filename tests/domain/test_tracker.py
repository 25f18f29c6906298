"""Tiny named scenes, each with one thing that can go wrong."""

import numpy as np
import pytest

from stream_processors.domain.tracker import (
    Frame,
    ScoreContract,
    TrackerState,
    dump,
    end_all,
    tentative_since,
    undecided_since,
    update,
)
from tests.domain.tracker_scenes import CONTRACT, START, frame, person, tell, together, walk

TENTH = range(0, 4_000, 100)


def test_a_single_detection_is_never_a_track() -> None:
    story = tell([frame(0, (person(0), 0.9)), *(frame(at) for at in range(100, 3_000, 100))])
    assert story.numbers == []
    assert story.ended == []


def test_the_second_match_confirms_and_hands_over_the_first_detection() -> None:
    story = tell([frame(0, (person(0), 0.9)), frame(100, (person(2), 0.8))])
    first, second = story.outputs
    assert first.track_no.tolist() == []
    assert second.track_no.tolist() == [START]
    assert second.detection.tolist() == [0]
    assert second.backlog_track_no.tolist() == [START]
    assert second.backlog_observed_at.tolist() == [START]
    assert second.backlog_boxes.tolist() == [list(person(0))]
    assert second.backlog_scores.tolist() == [0.9]


@pytest.mark.parametrize(("second_at", "confirmed"), [(400, True), (500, False)])
def test_the_second_match_must_come_within_400_ms(second_at: int, confirmed: bool) -> None:
    empty = [frame(at) for at in range(100, second_at, 100)]
    story = tell([frame(0, (person(0), 0.9)), *empty, frame(second_at, (person(0), 0.9))])
    assert bool(story.numbers) is confirmed


def test_at_one_frame_a_second_the_second_match_may_miss_one_frame() -> None:
    story = tell([frame(0, (person(0), 0.9)), frame(1_000), frame(2_000, (person(0), 0.9))])
    assert story.numbers == [START]


def test_track_numbers_are_the_first_detection_or_one_more_than_the_last_number() -> None:
    three = [(person(x), 0.9) for x in (0, 200, 400)]
    story = tell([frame(0, *three), frame(100, *three)])
    assert story.numbers == [START, START + 1, START + 2]
    late = (person(600), 0.9)
    story = tell([frame(200, *three, late), frame(300, *three, late)], story.state)
    assert START + 200 in story.numbers


def test_people_crossing_each_other_keep_their_numbers() -> None:
    times = range(0, 4_000, 100)
    story = tell(together(walk(times, 0, 100, y=100), walk(times, 400, -100, score=0.8, y=112)))
    assert len(story.numbers) == 2
    to_the_right = {number for number, box in story.at(0).items() if box[0] == 0}
    assert {number for number, box in story.at(3_900).items() if box[0] == 390} == to_the_right


@pytest.mark.parametrize(("hidden_ms", "tracks"), [(500, 1), (1_000, 1), (3_000, 2)])
def test_a_walker_hidden_for_a_second_is_the_same_person_and_after_three_another(hidden_ms: int, tracks: int) -> None:
    visible = [at for at in range(0, 7_000, 100) if not 2_000 < at < 2_000 + hidden_ms]
    scene = [frame(at) if at not in visible else walk([at], 0, 60)[0] for at in range(0, 7_000, 100)]
    assert len(tell(scene).numbers) == tracks


def test_a_track_lost_for_two_seconds_ends_when_it_was_last_seen() -> None:
    story = tell([*walk(range(0, 1_000, 100), 0, 50), *(frame(at) for at in range(1_000, 3_000, 100))])
    (over,) = story.ended
    assert (over.track_no, over.started_at, over.ended_at, over.observations) == (START, START, START + 900, 10)
    assert story.outputs[-1].ended == (over,), "2,000 ms after 900 is 2,900, the last frame"


def test_a_person_standing_still_for_ten_minutes_is_one_track() -> None:
    random = np.random.default_rng(1)
    sway = random.normal(0, 1.5, (6_000, 4))
    scene = [frame(100 * i, ((300 + a, 100 + b, 340 + c, 200 + d), 0.9)) for i, (a, b, c, d) in enumerate(sway)]
    story = tell(scene)
    assert story.numbers == [START]
    assert len(story.seen[START]) == 6_000


def test_a_person_entering_at_the_border_is_one_track_from_the_first_sliver() -> None:
    scene = [frame(at, ((0.0, 100.0, min(5 + at / 25, 40), 200.0), 0.9)) for at in range(0, 2_000, 100)]
    assert tell(scene).numbers == [START]


def test_two_people_merging_into_one_box_and_parting_are_still_two() -> None:
    def sights(at: int) -> list[tuple[tuple[float, float, float, float], float]]:
        left, right = 100 + 0.08 * at, 360 - 0.08 * at
        apart = abs(left - right) > 15
        return [(person(left), 0.9), (person(right), 0.85)] if apart else [(person((left + right) / 2), 0.9)]

    story = tell([frame(at, *sights(at)) for at in range(0, 3_500, 100)])
    assert len(story.numbers) == 2
    assert len(story.at(3_400)) == 2


def test_low_scores_keep_a_track_only_as_long_as_the_contract_allows() -> None:
    scene = [*walk(range(0, 1_000, 100), 0, 0), *walk(range(1_000, 5_000, 100), 0, 0, score=0.4)]
    story = tell(scene)
    assert story.seen[START][-1][0] == START + 1_900, "the last high score came at 900, and low_only_ms is 1,000"
    assert [over.ended_at for over in story.ended] == [START + 1_900]


def test_low_scores_between_high_ones_do_not_break_a_track() -> None:
    scene = [walk([at], 0, 50, score=0.4 if at % 500 else 0.9)[0] for at in range(0, 4_000, 100)]
    story = tell([*walk([-100], 0, 50), *scene])
    assert len(story.numbers) == 1


@pytest.mark.parametrize("score", [0.34, 0.4, 0.59])
def test_a_score_below_birth_never_begins_a_track(score: float) -> None:
    assert tell(walk(TENTH, 0, 0, score=score)).numbers == []


def test_a_static_false_box_that_was_sure_of_itself_once_is_gone_after_low_only_ms() -> None:
    scene = [*walk([0, 100], 0, 0, score=0.7), *walk(range(200, 60_000, 200), 0, 0, score=0.4)]
    (over,) = tell(scene).ended
    assert over.ended_at == START + 1_000, "the last high score came at 100; frames come every 200 ms"


def test_dropped_frames_do_not_break_a_track() -> None:
    random = np.random.default_rng(2)
    times = [at for at in range(0, 20_000, 100) if random.random() > 0.4]
    assert len(tell(walk(times, 0, 40)).numbers) == 1


def test_after_five_seconds_of_silence_everyone_is_new() -> None:
    story = tell(walk([*range(0, 1_000, 100), *range(6_000, 7_000, 100)], 0, 0))
    assert story.numbers == [START, START + 6_000]
    assert [over.ended_at for over in story.ended] == [START + 900]


@pytest.mark.parametrize("step", [0, -100])
def test_a_frame_that_does_not_come_after_the_last_is_refused(step: int) -> None:
    state = tell(walk(range(0, 500, 100), 0, 0)).state
    with pytest.raises(ValueError, match="cannot follow"):
        update(state, frame(400 + step, (person(0), 0.9)))


def test_ending_all_ends_the_confirmed_when_last_seen_and_never_gives_a_number_again() -> None:
    scene = [*walk(range(0, 500, 100), 0, 0), frame(500), frame(600, (person(400), 0.9))]
    state, over = end_all(tell(scene).state)
    assert [(track.track_no, track.ended_at) for track in over] == [(START, START + 400)]
    assert len(state.tracks) == 0
    again = tell(walk([700, 800], 0, 0), state)
    assert again.numbers == [START + 700]


def test_what_is_undecided_begins_with_the_lost_or_the_tentative() -> None:
    assert undecided_since(TrackerState.empty()) is None
    tracked = tell(walk([0, 100], 0, 0)).state
    assert (undecided_since(tracked), tentative_since(tracked)) == (None, None)
    lost, _ = update(tracked, frame(200))
    assert (undecided_since(lost), tentative_since(lost)) == (START + 100, None)
    both, _ = update(lost, frame(300, (person(400), 0.9)))
    assert (undecided_since(both), tentative_since(both)) == (START + 100, START + 300)


def test_a_second_box_on_a_tracked_person_is_no_second_person() -> None:
    scene = [frame(at, (person(0), 0.9), (person(3, 104, 38, 92), 0.7)) for at in range(0, 2_000, 100)]
    one_first = [frame(-200, (person(0), 0.9)), frame(-100, (person(0), 0.9)), *scene]
    assert len(tell(one_first).numbers) == 1


@pytest.mark.parametrize("camera_moves", [True, False])
def test_when_the_camera_is_knocked_the_near_people_vouch_for_the_far_ones(camera_moves: bool) -> None:
    def sights(shift: float) -> list[tuple[tuple[float, float, float, float], float]]:
        near = [(person(200.0 * i + shift, 300, 80, 200), 0.95 - 0.01 * i) for i in range(5)]
        return [*near, (person(150 + shift, 20, 20, 50), 0.8), (person(550 + shift, 20, 20, 50), 0.7)]

    state = tell([frame(at, *sights(0)) for at in range(0, 1_000, 100)]).state
    _, tracked = update(state, frame(1_000, *sights(28)), camera_moves=camera_moves)
    everyone = {START + i: i for i in range(7)}
    now = dict(zip(tracked.track_no.tolist(), tracked.detection.tolist(), strict=True))
    assert now == (everyone if camera_moves else {START + i: i for i in range(5)})


def test_looks_tell_two_people_apart_whom_boxes_do_not() -> None:
    red, blue = [1.0, 0.0], [0.0, 1.0]

    def sight(at: int, *looks: list[float]) -> Frame:
        """Two people so close that either box could be either person."""
        boxes = np.array([person(0), person(10)])
        return Frame(START + at, boxes, np.array([0.9, 0.9]), CONTRACT, np.array(looks))

    before = tell([sight(0, red, blue), sight(100, red, blue)])
    (red_no,) = (number for number, box in before.at(100).items() if box[0] == 0)
    after = tell([sight(200, blue, red)], before.state)
    assert after.at(200)[red_no][0] == 10


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_bad_vector_counts_as_unknown_looks(bad: float) -> None:
    state = TrackerState.empty()
    for at, looks in ((0, [0.6, 0.8]), (100, [bad, 0.0]), (200, [0.0, 0.0])):
        sight = Frame(START + at, np.array([person(0)]), np.array([0.9]), CONTRACT, np.array([looks]))
        state, _ = update(state, sight)
    assert state.appearance[0] == pytest.approx([0.6, 0.8])


def test_looks_are_forgotten_when_vectors_of_another_length_come() -> None:
    def sight(at: int, dimensions: int) -> Frame:
        return Frame(START + at, np.array([person(0)]), np.array([0.9]), CONTRACT, np.ones((1, dimensions)))

    state, _ = update(TrackerState.empty(), sight(0, 4))
    state, tracked = update(state, sight(100, 16))
    assert len(tracked.track_no) == 1
    assert state.appearance.tolist() == [[0.25] * 16]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((np.nan, 0, 10, 10), id="not a number"),
        pytest.param((0, 0, np.inf, 10), id="infinite"),
        pytest.param((-np.inf, 0, np.inf, 10), id="infinite both ways"),
        pytest.param((10, 0, 0, 10), id="negative width"),
        pytest.param((0, 0, 0, 10), id="no area"),
        pytest.param((0, 0, 1e-200, 10), id="an area that rounds to none"),
        pytest.param((0, 0, 1e9, 10), id="larger than any picture"),
    ],
)
def test_a_bad_box_counts_as_not_detected(bad: tuple[float, float, float, float]) -> None:
    good = [(person(0), 0.9), (person(200), 0.8)]
    with_bad = tell([frame(at, *good, (bad, 0.95)) for at in range(0, 500, 100)])
    without = tell([frame(at, *good) for at in range(0, 500, 100)])
    assert dump(with_bad.state) == dump(without.state)
    assert with_bad.seen == without.seen


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_bad_score_counts_as_not_detected(score: float) -> None:
    story = tell([frame(at, (person(0), 0.9), (person(200), score)) for at in range(0, 500, 100)])
    assert story.numbers == [START]


def test_of_two_thousand_detections_the_best_thousand_count() -> None:
    grid = [(person(60.0 * (i % 50), 120.0 * (i // 50)), 0.6 + i / 10_000) for i in range(2_000)]
    story = tell([frame(0, *grid), frame(100, *grid)])
    assert len(story.numbers) == 1_000
    assert story.outputs[1].detection.min() == 1_000, "scores grow with the index"


def test_no_detections_at_all_are_fine() -> None:
    assert tell(frame(at) for at in range(0, 1_000, 100)).numbers == []


def test_the_state_before_is_never_changed() -> None:
    state = tell(together(walk(TENTH, 0, 50), walk(TENTH, 500, -50))).state
    before = dump(state)
    update(state, frame(4_000, (person(200), 0.9), (person(800), 0.9)))
    end_all(state)
    assert dump(state) == before


def test_another_detector_brings_its_own_contract() -> None:
    contract = ScoreContract(floor=0.1, high=0.6, birth=0.7, low_only_ms=5_000)
    sure = [frame(at, (person(0), 0.9), contract=contract) for at in (0, 100)]
    unsure = [frame(at, (person(0), 0.15), contract=contract) for at in range(200, 4_000, 100)]
    assert len(tell([*sure, *unsure]).seen[START]) == 40
