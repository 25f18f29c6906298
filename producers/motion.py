"""The motion gate: when a picture in which nothing moves and nobody was seen need not be looked at.

A rule of pictures and event time. It knows no detector; what the detector saw is told to it.
"""

from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from producers.frames import Grey
from producers.handover import Guidance

Verdict: TypeAlias = Literal["look", "watched", "gate"]
"""What to do with a frame: have it looked at, say that it was watched, or drop it as skipped by the gate."""

Plane: TypeAlias = NDArray[np.float32]
"""A small grey picture, (h, 192)."""

_HOLD_MS = 5_000
_LOOK_EVERY_MS = 5_000
_WATCHED_EVERY_MS = 1_000

_WIDTH = 192
_ADAPTATION_MS = 5_000
_DIFFERENCE = 16
_AREA_PX = 6
_FLASH_SHARE = 0.8


class Motion:
    """Compares each picture with a running average of those before.

    A person standing still is slowly taken into the average; the gate stays open for whoever the detector sees.
    """

    def __init__(self) -> None:
        self._background: Plane | None = None
        self._updated_at = 0

    def seen_in(self, picture: Grey, observed_at: int) -> bool:
        """Whether something moves; so it does in the first picture, and when most of the picture changes.

        Lamps and a camera's change to infra-red light alter everything. That is no reason to close: lights go on when
        somebody comes. But from then on the new light is what pictures are compared with.
        """
        small = _small(picture)
        if self._background is None:
            return self._begin(small, observed_at)
        changed = (cv2.absdiff(small, self._background) > _DIFFERENCE).astype(np.uint8)
        if changed.mean() > _FLASH_SHARE:
            return self._begin(small, observed_at)
        share = min(1.0, (observed_at - self._updated_at) / _ADAPTATION_MS)
        cv2.accumulateWeighted(small, self._background, share)
        self._updated_at = observed_at
        return _largest_area(changed) >= _AREA_PX

    def _begin(self, small: Plane, observed_at: int) -> bool:
        self._background, self._updated_at = small, observed_at
        return True


class MotionGate:
    """Decides frame by frame for one session.

    It closes after 5 s of detections in which nobody was seen and nothing moved. While it is closed, a frame is looked
    at at least every 5 s, and one is said to be watched at least every second.
    """

    def __init__(self) -> None:
        self._motion = Motion()
        self._began_at: int | None = None
        self._moved_at = 0
        self._handed_on_at = 0
        self._before = 0

    def judge(self, picture: Grey, observed_at: int, guidance: Guidance) -> Verdict:
        """What to do with the frame taken at `observed_at` (UTC ms, increasing)."""
        if self._began_at is None:
            self._began_at = self._before = observed_at
        if self._motion.seen_in(picture, observed_at):
            self._moved_at = observed_at
        verdict = self._verdict(observed_at, observed_at + (observed_at - self._before), guidance)
        self._before = observed_at
        if verdict != "gate":
            self._handed_on_at = observed_at
        return verdict

    def _verdict(self, now: int, next_at: int, guidance: Guidance) -> Verdict:
        """`next_at`: when the next frame may be expected; what would be late by then is due now."""
        looked_at = self._of_this_session(guidance.looked_at, now)
        if looked_at - max(self._moved_at, self._of_this_session(guidance.seen_at, now)) < _HOLD_MS:
            return "look"
        if next_at - looked_at > _LOOK_EVERY_MS:
            return "look"
        return "watched" if next_at - self._handed_on_at > _WATCHED_EVERY_MS else "gate"

    def _of_this_session(self, moment: int | None, now: int) -> int:
        """A moment told, or the session's begin: what was told of another session speaks of another clock."""
        assert self._began_at is not None
        return moment if moment is not None and self._began_at <= moment <= now else self._began_at


def _small(picture: Grey) -> Plane:
    height, width = picture.shape
    size = _WIDTH, max(1, round(height * _WIDTH / width))
    plane: Plane = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (5, 5), 0).astype(
        np.float32
    )
    return plane


def _largest_area(changed: NDArray[np.uint8]) -> int:
    """Pixels of the largest connected region; single ones are noise."""
    *_, regions, _ = cv2.connectedComponentsWithStats(changed)
    return int(regions[1:, cv2.CC_STAT_AREA].max(initial=0))
