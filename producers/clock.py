"""The edge's clocks: the process's two hands, and the event time of one session. No camera is known here."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for offsets, monotonic time for everything else."""

    def utc_ms(self) -> int:
        """UTC now, ms; may be stepped by the system."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, or return early because the edge is stopping."""
        ...


class SystemClock:
    """The machine's clock; `stop` ends every sleep at once."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def utc_ms(self) -> int:
        """UTC now, ms."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that long, unless the edge stops first."""
        self._stop.wait(seconds)


class SessionClock:
    """Event time of one session: seconds since its begin plus one offset, strictly increasing.

    Args:
        epoch_ms: UTC ms of the session's begin.
    """

    def __init__(self, epoch_ms: int) -> None:
        self._epoch_ms = epoch_ms
        self._last = -1

    def observed_at(self, elapsed_s: float) -> int:
        """UTC ms of a frame taken `elapsed_s` after the begin, and at least 1 ms after the frame before."""
        self._last = max(self._last + 1, self._epoch_ms + int(elapsed_s * 1000))
        return self._last
