"""A session: one unbroken run of one source and one clock, and the frames captured in it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from producers.frames import Frame
from producers.metrics import SKIPPED

SkipReason: TypeAlias = Literal["rate", "stale"]
"""`rate`: more frames than the camera's target; `stale`: a newer frame came before the detector was free."""


@dataclass(slots=True, eq=False)
class Session:
    """What numbers and counts the frames of a session.

    The capture thread counts skipped frames, the inference thread published ones; each field has one writer, and
    `skipped` is replaced rather than changed, so that a reader always holds one consistent mapping.
    """

    size: tuple[int, int]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    published: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)

    def skip(self, reason: SkipReason) -> None:
        """Count a frame that was read but will not be published."""
        self.skipped = {**self.skipped, reason: self.skipped.get(reason, 0) + 1}


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame on its way to the detector."""

    camera_id: str
    session: Session
    frame: Frame

    def skip(self, reason: SkipReason) -> None:
        """Give the frame up and count it."""
        self.session.skip(reason)
        SKIPPED.labels(self.camera_id, reason).inc()
