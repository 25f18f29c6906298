"""Four independent constant-velocity Kalman filters for a box: centre x, centre y, width, height.

With noise that is diagonal in these four numbers the usual 8-state filter (SORT, BoT-SORT) splits exactly into four of two
states: a step is element-wise arithmetic and gives the same bits on every machine. Knows no track and no detection.

Filters are one array (5, 4, n): position, velocity, and the variance of position, covariance and variance of velocity, each over
the four numbers and n boxes, in pixels and seconds of event time. All noise is relative to the box's width (for x and width)
and height (for y and height), so a person near the camera and one far away are handled alike.
"""

import numpy as np

from stream_processors.domain.boxes import SMALLEST_SIZE, Bools, Floats

POSITION_NOISE = 0.075  # share of size squared per second: random walk of the position (people sway, boxes breathe)
VELOCITY_NOISE = 5.0  # share of size squared per second cubed: random walk of the velocity
MEASUREMENT_NOISE = 0.0025  # share of size squared: a detector errs by 5 % of a box that it is sure of
DOUBT_NOISE = 2.0  # how much more it errs when it is unsure (after NSA Kalman: Du et al., StrongSORT 2022)
INITIAL_VELOCITY_VARIANCE = 1.0  # a newcomer moves by about its own size in a second


def _squared_size(position: Floats) -> Floats:
    size = np.maximum(position[2:], SMALLEST_SIZE)
    size *= size
    return np.concatenate((size, size))


def initiate(observed: Floats) -> Floats:
    """Filters of boxes seen once, given as centre and size (4, n): at rest, and not sure of it."""
    filters = np.zeros((5, *observed.shape))
    scale = _squared_size(observed)
    filters[0] = observed
    filters[2] = MEASUREMENT_NOISE * scale
    filters[4] = INITIAL_VELOCITY_VARIANCE * scale
    return filters


def predict(filters: Floats, seconds: float, lost: Bools) -> Floats:
    """The filters `seconds` later; two steps of t are one step of 2t, so the frame rate does not matter.

    A `lost` (n,) box moves on but keeps its size: what hid it distorted the last sizes seen.
    """
    position, velocity, variance, covariance, velocity_variance = filters
    scale = _squared_size(position)
    diffusion = (VELOCITY_NOISE * seconds) * scale
    later = np.empty_like(filters)
    later[1] = velocity
    later[1, 2:, lost] = 0.0
    later[0] = position + seconds * later[1]
    spread = variance + seconds * (2.0 * covariance + seconds * velocity_variance)
    later[2] = spread + (POSITION_NOISE * seconds) * scale + (seconds * seconds / 3.0) * diffusion
    later[3] = covariance + seconds * (velocity_variance + 0.5 * diffusion)
    later[4] = velocity_variance + diffusion
    return later


def correct(filters: Floats, observed: Floats, scores: Floats) -> Floats:
    """The filters after each saw its box, given as centre and size (4, n), with its score (n,)."""
    position, velocity, variance, covariance, velocity_variance = filters
    doubt = MEASUREMENT_NOISE * (1.0 + DOUBT_NOISE * (1.0 - scores))
    total = variance + doubt * _squared_size(position)
    gain, velocity_gain = variance / total, covariance / total
    innovation = observed - position
    later = np.empty_like(filters)
    later[0] = position + gain * innovation
    later[1] = velocity + velocity_gain * innovation
    later[2] = variance - gain * variance
    later[3] = covariance - gain * covariance
    later[4] = velocity_variance - velocity_gain * covariance
    return later
