"""The motion gate on real footage: what is not looked at holds nobody, by the packaged detector's own word."""

from collections.abc import Sequence
from itertools import islice

import av
import cv2
import numpy as np
import pytest

from detectors.detector import Image
from detectors.factory import load_detector
from infra.local.footage import vtest
from producers.handover import Guidance
from producers.motion import MotionGate
from tests.local_stack import shared_cache

FRAME_MS = 200  # every second picture of the footage
STILL = 100
SIGMA = 4.0

Scene = list[tuple[Image, int]]
"""Pictures, and how many people the detector sees in each."""


WHOLE = pytest.param(0, id="the whole street", marks=pytest.mark.full)
RIGHT_EDGE = pytest.param(600, id="whoever walks into its right edge")


@pytest.fixture(scope="module", params=[WHOLE, RIGHT_EDGE])
def scene(request: pytest.FixtureRequest) -> Scene:
    """A still street, people on it, and the still street again, with the noise of a sensor all over."""
    with av.open(str(vtest(shared_cache()))) as container:
        pictures = [picture.to_ndarray(format="bgr24") for picture in islice(container.decode(video=0), 400)]
    street = np.median(pictures[::10], axis=0).astype(np.uint8)
    shown = [np.hstack([street[:, : request.param], picture[:, request.param :]]) for picture in pictures[100:220:2]]
    random = np.random.default_rng(1)
    noise = random.normal(0, SIGMA, (8, *street.shape)).astype(np.int16)
    detector = load_detector()

    def seen(pictures: Sequence[Image]) -> Scene:
        noisy = [
            np.clip(picture + noise[index % len(noise)], 0, 255).astype(np.uint8)
            for index, picture in enumerate(pictures)
        ]
        people = [int((detector.detect([one])[0].scores >= detector.scores.birth).sum()) for one in noisy]
        return list(zip(noisy, people, strict=True))

    still = seen([street] * len(noise))
    quiet = [still[index] for index in random.integers(len(still), size=STILL)]
    return [*quiet, *seen(shown), *quiet]


@pytest.mark.e2e
def test_no_detection_is_lost_to_the_gate_and_half_of_the_still_street_is_not_looked_at(scene: Scene) -> None:
    gate, guidance, looked, lost = MotionGate(), Guidance(), 0, 0
    for index, (picture, people) in enumerate(scene):
        now = index * FRAME_MS
        if gate.judge(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), now, guidance) == "look":
            looked += 1
            guidance = Guidance(looked_at=now, seen_at=now if people else guidance.seen_at)
        else:
            lost += people
    moving = len(scene) - 2 * STILL
    assert lost == 0
    assert sum(people for _, people in scene) > moving  # there was something to lose
    assert looked - moving < STILL
