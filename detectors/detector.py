"""The port every detector implements: arrays in, arrays out. What becomes of the boxes is not known here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.scores import ScoreContract

Image: TypeAlias = NDArray[np.uint8]
"""One frame, (H, W, 3) uint8, channels blue, green, red."""

Float32: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The people seen in one frame, best score first.

    Attributes:
        boxes: (n, 4) float32, x1, y1, x2, y2 in pixels of the original image; not clipped to it.
        scores: (n,) float32, 0..1.
    """

    boxes: Float32
    scores: Float32

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Self:
        """Detections from rows of x1, y1, x2, y2, score."""
        table = np.asarray(rows, dtype=np.float32).reshape(-1, 5)
        return cls(boxes=table[:, :4].copy(), scores=table[:, 4].copy())


class Detector(Protocol):
    """Finds people in images. Use one from one thread at a time."""

    @property
    def name(self) -> str:
        """The model and a short hash of its file, such as `yolo11n@1a2b3c4d`."""
        ...

    @property
    def scores(self) -> ScoreContract:
        """The thresholds that ship with the model; nothing below its floor is returned."""
        ...

    @property
    def max_batch(self) -> int:
        """How many images it gains to show at once; 1 where a batch costs as much as single runs."""
        ...

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One `Detections` per image, in order; images may differ in size. An empty batch gives an empty list."""
        ...
