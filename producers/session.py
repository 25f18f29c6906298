"""A session as its capture sees it: one unbroken run of one source, one clock and one size. Who looks is not known here."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from producers.frames import Frame
from producers.handover import Captured, SkipReason


@dataclass(slots=True, eq=False)
class Session:
    """Numbers the frames handed on, and counts those that were not.

    `skipped` is replaced rather than changed: what was handed on keeps the counts it was handed on with.
    """

    size: tuple[int, int]
    run: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    handed_on: int = 0
    skipped: Mapping[SkipReason, int] = field(default_factory=dict)

    def skip(self, reason: SkipReason, frames: int = 1) -> None:
        """Count frames that were read but are not handed on."""
        self.skipped = {**self.skipped, reason: self.skipped.get(reason, 0) + frames}

    def captured(self, camera_id: str, frame: Frame, *, gated: bool) -> Captured:
        """The next frame on its way to the detector."""
        number, self.handed_on = self.handed_on, self.handed_on + 1
        return Captured(camera_id, self.id, number, frame, gated, self.skipped)
