"""The packaged detector on real footage, against what is known of that footage, not against its own answers."""

from itertools import islice

import av
import numpy as np
import pytest

from detectors.detector import Detections
from detectors.factory import load_detector
from infra.local.footage import vtest
from tests.local_stack import shared_cache

# PETS2009 S2.L1 view 1: published ground truths count 4,476 to 4,650 boxes in its 795 frames of 768 x 576.
PEOPLE_PER_FRAME = (4_476 / 795, 4_650 / 795)
EVERY = 10


@pytest.fixture(scope="module")
def found() -> list[Detections]:
    detector = load_detector()
    with av.open(str(vtest(shared_cache()))) as container:
        pictures = islice(container.decode(video=0), 0, None, EVERY)
        return [detector.detect([picture.to_ndarray(format="bgr24")])[0] for picture in pictures]


@pytest.mark.e2e
def test_about_as_many_people_are_seen_as_are_there(found: list[Detections]) -> None:
    seen = sum(int((one.scores >= 0.5).sum()) for one in found) / len(found)
    assert PEOPLE_PER_FRAME[0] * 0.85 <= seen <= PEOPLE_PER_FRAME[1] * 1.1


@pytest.mark.e2e
def test_people_are_upright_in_the_picture_and_of_a_likely_size(found: list[Detections]) -> None:
    boxes = np.concatenate([one.boxes[one.scores >= 0.5] for one in found])
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.mean(height > 1.3 * width) > 0.9
    assert np.all((centre > 0) & (centre < [768, 576]))
    assert np.all((height > 20) & (height < 300))


@pytest.mark.e2e
def test_nothing_is_reported_below_the_floor(found: list[Detections]) -> None:
    scores = np.concatenate([one.scores for one in found])
    assert np.all((scores >= 0.35) & (scores <= 1))
