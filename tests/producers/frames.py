"""Captured frames for tests."""

from collections.abc import Callable, Mapping

import numpy as np

from detectors.detector import Image
from producers.frames import Frame
from producers.handover import Captured, SkipReason

GREY: Image = np.full((48, 64, 3), 60, dtype=np.uint8)


def captured(
    camera_id: str = "cam",
    number: int = 0,
    *,
    session: str = "s",
    observed_at: int | None = None,
    image: Callable[[], Image] = lambda: GREY,
    gated: bool = False,
    skipped: Mapping[SkipReason, int] | None = None,
) -> Captured:
    """The frame of that number; taken that many tenths of a second after the epoch unless it is told."""
    frame = Frame(100 * number if observed_at is None else observed_at, "FILE", 64, 48, image)
    return Captured(camera_id, session, number, frame, gated, skipped or {})
