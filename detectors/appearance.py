"""What people look like, as a hint that two boxes show one person: a protocol, and a colour histogram. No face is looked at.

Off unless configured; what such vectors are and are not: docs/privacy.md.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.detector import Float32, Image

Looks: TypeAlias = NDArray[np.uint8]
"""(n, d) uint8; zero where nothing can be said of a box."""

_STRIPES = 6
_HUES, _SATURATIONS, _VALUES = 16, 8, 8
_HUE_END, _END = 180, 256
_LARGEST = 255


class Embedder(Protocol):
    """Describes the people in an image by vectors; cosines between them are what counts."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    def embed(self, image: Image, boxes: Float32) -> Looks:
        """A vector (n, d) for each box (n, 4) of x1, y1, x2, y2 in pixels, unclipped."""
        ...


class HsvEmbedder:
    """Histograms of hue, saturation and value in six stripes of a box from head to foot, quantised to bytes.

    Hues count by their saturation, since the hue of grey is chance. The middle half of the width is looked at: the rest is
    mostly background.
    """

    dimensions = _STRIPES * (_HUES + _SATURATIONS + _VALUES)

    def embed(self, image: Image, boxes: Float32) -> Looks:
        """As in `Embedder`."""
        looks = [self._embed(image, box) for box in boxes]
        return np.array(looks, dtype=np.uint8).reshape(-1, self.dimensions)

    def _embed(self, image: Image, box: Float32) -> NDArray[np.uint8]:
        x1, y1, x2, y2 = box
        quarter = (x2 - x1) / 4
        height, width = image.shape[:2]
        columns = slice(*np.clip([x1 + quarter, x2 - quarter], 0, width).astype(int))
        rows = np.clip(np.linspace(y1, y2, _STRIPES + 1), 0, height).astype(int)
        stripes = [image[top:bottom, columns] for top, bottom in pairwise(rows)]
        found = np.concatenate([_histogram(stripe) for stripe in stripes])
        length = np.sqrt((found * found).sum())
        return np.asarray(np.rint(found / max(length, 1e-9) * _LARGEST), dtype=np.uint8)


def _histogram(stripe: Image) -> Float32:
    """Hue, saturation and value of a stripe as shares of its pixels; zero for an empty one."""
    if not stripe.size:
        return np.zeros(_HUES + _SATURATIONS + _VALUES, dtype=np.float32)
    hue, saturation, value = (channel.ravel() for channel in cv2.split(cv2.cvtColor(stripe, cv2.COLOR_BGR2HSV)))
    counted: Sequence[np.ndarray] = (
        np.histogram(hue, _HUES, (0, _HUE_END), weights=saturation / (_END - 1))[0],
        np.histogram(saturation, _SATURATIONS, (0, _END))[0],
        np.histogram(value, _VALUES, (0, _END))[0],
    )
    return np.asarray(np.concatenate(counted) / len(hue), dtype=np.float32)
