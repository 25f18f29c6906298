"""Boxes and how much they overlap: pure geometry in pixels. Knows no track, no time and no zone.

Inside the tracker boxes are stored by coordinate, (4, n), so that every operation runs over contiguous numbers.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SMALLEST_SIZE = 1.0
SMALLEST_DETECTION = 0.01
LARGEST_COORDINATE = 1e6


def valid_detections(boxes: Floats, scores: Floats) -> Bools:
    """Which detections a tracker can use: finite, within a million pixels of the origin, and with a width and a height.

    A side below a hundredth of a pixel counts as none.

    Args:
        boxes: (n, 4) x1 y1 x2 y2 in pixels.
        scores: (n,).
    """
    bounded = (np.abs(boxes) <= LARGEST_COORDINATE).all(axis=1)  # False for NaN and inf too
    with np.errstate(invalid="ignore", over="ignore"):  # of what is not bounded anyway
        sides = ((boxes[:, 2:] - boxes[:, :2]) >= SMALLEST_DETECTION).all(axis=1)
    return bounded & sides & np.isfinite(scores)


def centre_size(corners: Floats) -> Floats:
    """Corners (4, n) as centre x, centre y, width, height (4, n)."""
    low, high = corners[:2], corners[2:]
    return np.concatenate(((low + high) * 0.5, high - low))


def corners(centre_size: Floats) -> Floats:
    """The inverse of `centre_size`; sizes below a pixel count as one."""
    half = np.maximum(centre_size[2:], SMALLEST_SIZE) * 0.5
    return np.concatenate((centre_size[:2] - half, centre_size[:2] + half))


def overlap(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Intersection over union of each box of `a` (4, n) with each of `b` (4, m): of the areas and of the heights, (n, m)."""
    left, top, right, bottom = a[:, :, None]
    width = np.minimum(right, b[2])
    width -= np.maximum(left, b[0])
    height = np.minimum(bottom, b[3])
    height -= np.maximum(top, b[1])
    np.maximum(width, 0.0, out=width)
    np.maximum(height, 0.0, out=height)
    shared = width
    shared *= height
    union = (right - left) * (bottom - top) + (b[2] - b[0]) * (b[3] - b[1])
    union -= shared
    shared /= union
    span = (bottom - top) + (b[3] - b[1])
    span -= height
    height /= span
    return shared, height
