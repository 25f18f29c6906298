"""How many of a source's frames are looked at: a rule of event time alone."""


class FrameRate:
    """Thins a stream to a target rate, whatever the rate it comes in.

    A frame may come up to half an interval early, so that a camera's jitter does not halve its rate; the next one is
    then due that much later, so that the target holds over time.
    """

    def __init__(self) -> None:
        self._taken_ms = float("-inf")
        """When the last frame taken was due, or came, whichever is later."""

    def wants(self, observed_at: int, target_fps: float) -> bool:
        """Whether the frame taken at `observed_at` (UTC ms, increasing) is one to look at.

        Args:
            observed_at: the frame's event time.
            target_fps: frames per second of event time, above 0; may differ from call to call.
        """
        interval_ms = 1000 / target_fps
        due_ms = self._taken_ms + interval_ms
        if observed_at < due_ms - interval_ms / 2:
            return False
        self._taken_ms = max(due_ms, observed_at)
        return True
