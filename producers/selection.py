"""Which frames of a session are looked at: overlap, target rate, load and motion gate, in this order. A rule of event time."""

from typing import TypeAlias

from producers.clock import CREDIBLE_SKEW_MS
from producers.frames import Frame
from producers.handover import Guidance, SkipReason
from producers.motion import MotionGate, Verdict
from producers.rate import FrameRate

Choice: TypeAlias = Verdict | SkipReason


class Selection:
    """Decides frame by frame for one session.

    Args:
        target_fps: at most so many frames a second are looked at, however idle the edge.
        gated: frames in which nothing moves are not looked at.
        after: the newest moment of the sessions before, UTC ms. By another clock the same moments may come again.
    """

    def __init__(self, target_fps: float, *, gated: bool = False, after: float = float("-inf")) -> None:
        self._target_fps = target_fps
        self._target = FrameRate()
        self._load = FrameRate()
        self._gate = MotionGate() if gated else None
        self._after = after

    def choice(self, frame: Frame, guidance: Guidance) -> Choice:
        """To be looked at, to be handed on as merely watched, or the reason why neither."""
        # Two clocks that are believed differ by no more. After a larger step back the fold refuses, and says so.
        if 0 <= self._after - frame.observed_at <= CREDIBLE_SKEW_MS:
            return "overlap"
        if not self._target.wants(frame.observed_at, self._target_fps):
            return "rate"
        if guidance.fps == 0:
            return "shed"
        if not self._load.wants(frame.observed_at, guidance.fps):
            return "load"
        return self._gate.judge(frame.brightness(), frame.observed_at, guidance) if self._gate else "look"
