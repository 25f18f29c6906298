"""One frame as a source hands it on, with the moment it was taken. What is in the picture is not known here."""

from collections.abc import Callable
from dataclasses import dataclass

from detectors.detector import Image
from schemas.events import TimeSource


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and its event time.

    Attributes:
        observed_at: capture time, UTC ms.
        time_source: where that time comes from, the same for a whole session.
        width: pixels.
        height: pixels.
        image: makes the (height, width, 3) uint8 BGR array; called only for frames that are looked at.
    """

    observed_at: int
    time_source: TimeSource
    width: int
    height: int
    image: Callable[[], Image]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.width, self.height
