"""The edge's clocks: the process's two hands, and the event time of one session. No camera is known here."""

import math
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from schemas.events import TimeSource

CREDIBLE_SKEW_MS = 5_000
"""A camera's clock is believed while it is no further from ours."""
_STEP_MS = 1_000


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


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame was taken.

    Attributes:
        observed_at: UTC ms.
        time_source: whose clock said so.
        run: numbers the unbroken runs of one clock since the stream was opened.
    """

    observed_at: int
    time_source: TimeSource
    run: int = 0


class LiveClock:
    """Event time of one opening of a live camera: the camera's own wall clock where it tells it, else that of arrival.

    Within a run the source and the offset to UTC stay as they were at its begin, so that a clock that is slewed does
    not bend durations. Where the wall clock was stepped by more than 1 s, a new run begins. A camera whose clock was
    once more than 5 s off is not believed again in this opening: it would come and go with every report.

    Args:
        clock: tells now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._camera_offset_ms: float | None = None
        self._believed = True
        self._time_source: TimeSource = "ARRIVAL"
        self._offset_ms = math.inf  # a step away from any
        self._run = -1
        self._last = 0

    def camera_said(self, utc_ms: float, media_s: float) -> None:
        """The camera's wall clock was `utc_ms` at `media_s` of the stream's own time (an RTCP sender report)."""
        self._believed = self._believed and abs(utc_ms - self._clock.utc_ms()) <= CREDIBLE_SKEW_MS
        self._camera_offset_ms = utc_ms - media_s * 1000

    def moment(self, media_s: float | None) -> Moment:
        """The event time of the frame that just arrived; `media_s`: its place in the stream's own time, if known."""
        if self._believed and self._camera_offset_ms is not None and media_s is not None:
            return self._moment("RTCP", self._camera_offset_ms, media_s * 1000)
        passed_ms = self._clock.monotonic() * 1000
        return self._moment("ARRIVAL", self._clock.utc_ms() - passed_ms, passed_ms)

    def _moment(self, time_source: TimeSource, offset_ms: float, passed_ms: float) -> Moment:
        if time_source != self._time_source or abs(offset_ms - self._offset_ms) > _STEP_MS:
            self._time_source, self._offset_ms, self._last = time_source, offset_ms, 0
            self._run += 1
        self._last = max(self._last + 1, int(self._offset_ms + passed_ms))
        return Moment(self._last, time_source, self._run)
