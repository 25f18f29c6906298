"""One frame as a source hands it on, with the moment it was taken. What is in the picture is not known here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.detector import Image
from schemas.events import TimeSource

Grey: TypeAlias = NDArray[np.uint8]
"""The brightness of a picture, (H, W) uint8."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and its event time.

    Attributes:
        observed_at: capture time, UTC ms.
        time_source: where that time comes from, the same for a whole session.
        width: pixels.
        height: pixels.
        image: makes the (height, width, 3) uint8 BGR array; called only for frames that are looked at.
        grey: makes the brightness, where a source has it cheaper than by way of `image`.
        run: numbers the unbroken runs of one clock since the source was opened; another run is another session.
        damaged: pieces of the stream since the frame before that could not be decoded.
    """

    observed_at: int
    time_source: TimeSource
    width: int
    height: int
    image: Callable[[], Image]
    grey: Callable[[], Grey] | None = None
    run: int = 0
    damaged: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.width, self.height

    def brightness(self) -> Grey:
        """The picture without its colours."""
        if self.grey is not None:
            return self.grey()
        grey: Grey = cv2.cvtColor(self.image(), cv2.COLOR_BGR2GRAY)
        return grey
