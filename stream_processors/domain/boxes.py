"""Boxes and how much they overlap: pure geometry in pixels. Knows no track, no time and no zone."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def valid_detections(boxes: Floats, scores: Floats) -> Bools:
    """Which detections a tracker can use: all five numbers finite, and an area above zero.

    Args:
        boxes: (n, 4) x1 y1 x2 y2 in pixels.
        scores: (n,).
    """
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    return finite & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def intersection_over_union(a: Floats, b: Floats) -> Floats:
    """Overlap of each box of `a` (n, 4) with each of `b` (m, 4), as (n, m) in 0..1."""
    left, top, right, bottom = a.T[:, :, None]
    width = np.minimum(right, b[:, 2]) - np.maximum(left, b[:, 0])
    height = np.minimum(bottom, b[:, 3]) - np.maximum(top, b[:, 1])
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return shared / ((right - left) * (bottom - top) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) - shared)
