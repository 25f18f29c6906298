"""Four independent constant-velocity Kalman filters for a box: centre x, centre y, width, height.

With noise that is diagonal in these four numbers the usual 8-state filter (SORT, BoT-SORT) splits exactly into four of two
states, so that a step is element-wise arithmetic and the same bits on every machine. Knows no track and no detection.
"""

from typing import NamedTuple

import numpy as np

from stream_processors.domain.boxes import Floats

# Noise as shares of the box's size, per second of event time (random walks of position and of velocity).
POSITION_NOISE = 0.075
VELOCITY_NOISE = 1.05
MEASUREMENT_NOISE = 0.0025
INITIAL_VELOCITY_VARIANCE = 1.0


class Filters(NamedTuple):
    """The filters of n boxes, each part (n, 4) over centre x, centre y, width, height; pixels and seconds."""

    position: Floats
    velocity: Floats
    variance: Floats
    covariance: Floats
    velocity_variance: Floats


def centre_size(boxes: Floats) -> Floats:
    """Corner boxes (n, 4) as centre x, centre y, width, height."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate(((low + high) * 0.5, high - low), axis=1)


def corners(position: Floats) -> Floats:
    """The inverse of `centre_size`; sizes below one pixel count as one."""
    half = np.maximum(position[:, 2:], 1.0) * 0.5
    return np.concatenate((position[:, :2] - half, position[:, :2] + half), axis=1)


def _scale(position: Floats) -> Floats:
    size = np.maximum(position[:, 2:], 1.0)
    squared = size * size
    return np.concatenate((squared, squared), axis=1)


def initiate(boxes: Floats) -> Floats:
    """Filters (5, n, 4) for boxes seen once: no velocity, and no trust in that."""
    position = centre_size(boxes)
    scale = _scale(position)
    still = np.zeros_like(position)
    return np.stack((position, still, MEASUREMENT_NOISE * scale, still, INITIAL_VELOCITY_VARIANCE * scale))


def predict(filters: Filters, seconds: float) -> Filters:
    """The filters `seconds` later. Two steps of t are one step of 2t, up to rounding: frame rate does not matter."""
    position, velocity, variance, covariance, velocity_variance = filters
    scale = _scale(position)
    drift = VELOCITY_NOISE * seconds * scale
    return Filters(
        position + seconds * velocity,
        velocity,
        variance
        + seconds * (2.0 * covariance + seconds * velocity_variance)
        + scale * (POSITION_NOISE * seconds)
        + drift * (seconds * seconds / 3.0),
        covariance + seconds * velocity_variance + drift * (0.5 * seconds),
        velocity_variance + drift,
    )


def correct(filters: Filters, boxes: Floats) -> Filters:
    """The filters after each saw its box of `boxes` (n, 4, corners)."""
    position, velocity, variance, covariance, velocity_variance = filters
    total = variance + MEASUREMENT_NOISE * _scale(position)
    gain = variance / total
    velocity_gain = covariance / total
    innovation = centre_size(boxes) - position
    return Filters(
        position + gain * innovation,
        velocity + velocity_gain * innovation,
        variance - gain * variance,
        covariance - gain * covariance,
        velocity_variance - velocity_gain * covariance,
    )
