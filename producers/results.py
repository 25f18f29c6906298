"""What looking at frames gives, as messages that can cross from one process to another. Who reads them is not known here."""

from typing import TypeAlias

import msgspec
import numpy as np

from detectors.detector import Detections, Float32
from producers.handover import View
from schemas.events import CameraStatusChanged, FrameObserved


class Result(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """One of the messages below."""


class Looked(Result, frozen=True, kw_only=True):
    """A frame and the people in it, or one that was only watched by the motion gate.

    Attributes:
        record: the frame's record, but that `seq` numbers the frames its capture handed on, and `skipped` lacks those
            that went stale: both are known when it is written.
        detector_ms: the detector's time for the frame; None: nobody looked.
    """

    record: FrameObserved
    detector_ms: float | None


class Pictured(Result, frozen=True, kw_only=True):
    """A picture for people who look now; image as (height, width, 3) bytes, boxes and scores as in `FrameObserved`."""

    camera_id: str
    observed_at: int
    width: int
    height: int
    image: bytes
    boxes: bytes
    scores: bytes

    @property
    def view(self) -> View:
        """The same as arrays."""
        image = np.frombuffer(self.image, dtype=np.uint8).reshape(self.height, self.width, 3)
        boxes = np.frombuffer(self.boxes, dtype="<f4").reshape(-1, 4)
        return View(self.observed_at, image, Detections(boxes=boxes, scores=np.frombuffer(self.scores, dtype="<f4")))


class CaptureEnded(Result, frozen=True, kw_only=True):
    """Nothing more comes from this run of a camera's capture."""

    camera_id: str


class LoadReported(Result, frozen=True, kw_only=True):
    """How many frames a second each camera may have looked at, and which rest; every second, as a sign of life."""

    cap_fps: float
    resting: tuple[str, ...]


class Ready(Result, frozen=True, kw_only=True):
    """The detector can look at frames now."""

    model: str


class Unusable(Result, frozen=True, kw_only=True):
    """The detector can never be used as it is configured; why, for people."""

    why: str


AnyResult: TypeAlias = Looked | Pictured | CaptureEnded | LoadReported | CameraStatusChanged


def packed(values: Float32) -> bytes:
    """Numbers as records hold them."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()
