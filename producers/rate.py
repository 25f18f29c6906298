"""How many of a source's frames are looked at: a rule of event time alone."""


class FrameRate:
    """Thins a stream to a target rate, whatever the rate it comes in.

    A frame may come up to half an interval early, so that a camera's jitter does not halve its rate; the next one is
    then due that much later, so that the target holds over time.

    Args:
        target_fps: frames per second of event time.
    """

    def __init__(self, target_fps: float) -> None:
        self._interval_ms = 1000 / target_fps
        self._due_ms = float("-inf")

    def wants(self, observed_at: int) -> bool:
        """Whether the frame taken at `observed_at` (UTC ms, increasing) is one to look at."""
        if observed_at < self._due_ms - self._interval_ms / 2:
            return False
        self._due_ms = max(self._due_ms, observed_at) + self._interval_ms
        return True
