"""The packaged detector and the tracker on real footage: as many people as are there, and as long at any frame rate."""

from itertools import pairwise

import av
import numpy as np
import pytest

from detectors.factory import load_detector
from infra.local.footage import vtest
from stream_processors.domain.tracker import Frame, ScoreContract, end_all
from tests.domain.tracker_scenes import START, Story, tell
from tests.local_stack import shared_cache

pytestmark = pytest.mark.e2e

# PETS2009 S2.L1 view 1: published ground truths count 4,476 to 4,650 boxes of 19 people in its 795 frames at 10 a second.
BOXES = (4_476, 4_650)
PEOPLE = 19
INTERVAL_MS = 100


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    detector = load_detector()
    shipped = detector.scores
    contract = ScoreContract(shipped.floor, shipped.high, shipped.birth, shipped.low_only_ms)
    with av.open(str(vtest(shared_cache()))) as container:
        seen = [detector.detect([picture.to_ndarray(format="bgr24")])[0] for picture in container.decode(video=0)]
    return [
        Frame(START + INTERVAL_MS * number, one.boxes.astype(np.float64), one.scores.astype(np.float64), contract)
        for number, one in enumerate(seen)
    ]


def person_seconds(frames: list[Frame]) -> float:
    story = tell(frames)
    over = [*story.ended, *end_all(story.state)[1]]
    return sum(track.ended_at - track.started_at for track in over) / 1_000


def longest_low_ms(frames: list[Frame], story: Story) -> int:
    """The longest stretch in which a track was matched by scores below `high` only."""
    high_at: dict[int, list[int]] = {}
    for frame, tracked in zip(frames, story.outputs, strict=True):
        for number, score in zip(tracked.track_no.tolist(), frame.scores[tracked.detection].tolist(), strict=True):
            high_at.setdefault(number, [])
            if score >= frame.contract.high:
                high_at[number].append(frame.observed_at)
    stretches = [
        sum(before < moment < after for moment, _ in story.seen[number]) * INTERVAL_MS
        for number, moments in high_at.items()
        for before, after in pairwise(moments)
    ]
    return max(stretches)


def test_tracked_boxes_are_about_as_many_as_people_are_there(frames: list[Frame]) -> None:
    matched = sum(len(seen) for seen in tell(frames).seen.values())
    assert BOXES[0] * 0.9 <= matched <= BOXES[1] * 1.1


def test_nobody_lives_on_low_scores_for_longer_than_the_contract_allows(frames: list[Frame]) -> None:
    assert longest_low_ms(frames, tell(frames)) <= frames[0].contract.low_only_ms


def test_people_are_cut_into_no_more_than_two_tracks_each(frames: list[Frame]) -> None:
    assert PEOPLE <= len(tell(frames).numbers) <= 2 * PEOPLE


@pytest.mark.parametrize("every", [2, 3])
def test_person_time_at_5_and_at_3_frames_a_second_is_that_at_10_within_5_percent(
    frames: list[Frame], every: int
) -> None:
    assert person_seconds(frames[::every]) == pytest.approx(person_seconds(frames), rel=0.05)
