"""The twin of a source for tests and rehearsals: it plays pictures and faults from a list."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from detectors.detector import Image
from producers.clock import Clock, SessionClock
from producers.frames import Frame
from producers.sources.source import SourceError

Play: TypeAlias = Sequence[Image | SourceError]
"""What one opening gives, in order: a picture, or a fault raised in its place (as the first item: by `open`)."""


class MemorySource:
    """Plays one `Play` per opening; past the last one there is nothing left but an orderly end.

    Args:
        plays: what each opening gives.
        clock: tells now.
        interval_s: event time between two pictures; a live source also waits that long.
        live, repeats: see `FrameSource`.
    """

    def __init__(
        self,
        plays: Sequence[Play],
        clock: Clock,
        *,
        interval_s: float = 0.1,
        live: bool = False,
        repeats: bool = False,
    ) -> None:
        self.live = live
        self.repeats = repeats
        self.open_within_s = self.read_within_s = math.inf
        self.openings = 0
        self._plays = plays
        self._clock = clock
        self._interval_s = interval_s

    def open(self) -> None:
        """Begin the next play."""
        play = self._plays[self.openings] if self.openings < len(self._plays) else ()
        self.openings += 1
        if play and isinstance(play[0], SourceError):
            raise play[0]
        self._rest = iter(play)
        self._played = 0
        self._session = SessionClock(self._clock.utc_ms())

    def read(self) -> Frame | None:
        """The next picture of the play as a frame."""
        item = next(self._rest, None)
        if isinstance(item, SourceError):
            raise item
        if self.live:
            self._clock.sleep(self._interval_s)
        if item is None:
            return None
        observed_at = self._session.observed_at(self._played * self._interval_s)
        self._played += 1
        height, width = item.shape[:2]
        return Frame(observed_at, "DEVICE", width, height, lambda: item)

    def close(self) -> None:
        """Nothing to let go of."""
