"""Privacy masks: parts of a camera's picture that nobody and nothing may see. Why they are there is not known here."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from producers.frames import Frame
from producers.settings import Mask


def masked(frame: Frame, masks: Sequence[Mask]) -> Frame:
    """The frame with its masks filled in black, whichever way its picture is asked for."""
    if not masks:
        return frame
    return replace(
        frame,
        image=lambda: _filled(frame.image(), masks),
        grey=lambda: _filled(frame.brightness(), masks),
    )


def _filled(picture: NDArray[np.uint8], masks: Sequence[Mask]) -> NDArray[np.uint8]:
    """A copy, black wherever a mask lies, and a pixel or two around it."""
    height, width = picture.shape[:2]
    filled = picture.copy()
    for mask in masks:
        # Pixel 0 lies from 0 to 1, and OpenCV means its middle.
        corners = np.rint(np.asarray(mask) * (width, height) - 0.5).astype(np.int32)
        cv2.fillPoly(filled, [corners], color=0)
        cv2.polylines(filled, [corners], isClosed=True, color=0, thickness=3)
    return filled
