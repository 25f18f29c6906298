"""How fast a backlog may go out, so that it does not crowd out what comes in. Pure: the time is an argument."""

_MEASURED_S = 1.0
_WEIGHT = 0.2


class Pace:
    """A multiple of the rate at which messages come in.

    Args:
        factor: so many times as fast as they come.
        least_per_s: messages a second, however few come.
        now: monotonic seconds.
    """

    def __init__(self, factor: float, least_per_s: float, now: float) -> None:
        self._factor = factor
        self._least_per_s = least_per_s
        self._came = 0
        self._came_per_s = 0.0
        self._measured_at = self._asked_at = now
        self._allowance = 0.0

    def came(self, messages: int, now: float) -> None:
        """So many messages came in."""
        self._came += messages
        elapsed = now - self._measured_at
        if elapsed >= _MEASURED_S:
            self._came_per_s += _WEIGHT * (self._came / elapsed - self._came_per_s)
            self._came, self._measured_at = 0, now

    def allows(self, now: float) -> int:
        """How many messages of the backlog may go out now; a second's worth at most is saved up."""
        per_s = max(self._least_per_s, self._factor * self._came_per_s)
        self._allowance = min(per_s, self._allowance + (now - self._asked_at) * per_s)
        self._asked_at = now
        return int(self._allowance)

    def went(self, messages: int) -> None:
        """So many of the backlog went out."""
        self._allowance -= messages
