"""Optional appearance vectors: how alike tracks and detections look, and what a track remembers of its looks.

Off unless a frame brings vectors. Knows no box. Sums run coordinate by coordinate and the result is rounded, so that no machine
decides otherwise than another.
"""

import numpy as np

from stream_processors.domain.boxes import Floats

MEMORY = 0.9  # share of the old vector (Wang et al., JDE 2020)
STEPS = 256.0  # cosines are rounded to 1/256
LARGEST = 1e6


def known_looks(vectors: Floats) -> Floats:
    """These vectors (n, d), all zero (unknown) where one of their numbers is not finite or beyond `LARGEST`."""
    unknown = ~(np.abs(vectors) <= LARGEST).all(axis=1)
    known = vectors.copy()
    known[unknown] = 0.0
    return known


def _dot(a: Floats, b: Floats) -> Floats:
    total = np.zeros(np.broadcast_shapes(a.shape, b.shape)[1:])
    for left, right in zip(a, b, strict=True):
        total = total + left * right
    return total


def _unit(vectors: Floats) -> Floats:
    columns = vectors.T
    length = np.sqrt(_dot(columns, columns))
    return vectors / np.where(length > 0.0, length, 1.0)[:, None]


def widen(remembered: Floats, dimensions: int) -> Floats:
    """The remembered vectors (n, d) ready for vectors of `dimensions`; forgotten when another model makes these."""
    return remembered if remembered.shape[1] == dimensions else np.zeros((len(remembered), dimensions))


def resemblance(remembered: Floats, observed: Floats) -> Floats:
    """Rounded cosine of each remembered (n, d) and each observed (m, d) vector, 0 where nothing is remembered."""
    return np.rint(_dot(_unit(remembered).T[:, :, None], _unit(observed).T[:, None, :]) * STEPS) / STEPS


def blend(remembered: Floats, observed: Floats) -> Floats:
    """What tracks remember (n, d) after each looked like its row of `observed` (n, d)."""
    share = np.where((remembered != 0.0).any(axis=1), MEMORY, 0.0)[:, None]
    return _unit(share * remembered + (1.0 - share) * _unit(observed))
