"""Letterboxing: an image scaled into a network's input without distortion, and boxes taken back. No model is known here."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from detectors.detector import Float32, Image

_PADDING_GREY = 114  # what YOLO and NanoDet were trained with


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image of (width, height) lies inside a network input of (input_width, input_height), in pixels."""

    width: int
    height: int
    input_width: int
    input_height: int
    inner_width: int
    inner_height: int
    left: int
    top: int

    @classmethod
    def fit(cls, width: int, height: int, input_width: int, input_height: int) -> Self:
        """The largest centred placement with the image's own proportions."""
        scale = min(input_width / width, input_height / height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (input_width - inner_width) // 2, (input_height - inner_height) // 2
        return cls(width, height, input_width, input_height, inner_width, inner_height, left, top)

    def tensor(self, image: Image) -> Float32:
        """The network input (1, 3, input_height, input_width): RGB, 0..1, padded with grey."""
        inner = cv2.resize(image, (self.inner_width, self.inner_height), interpolation=cv2.INTER_LINEAR)
        canvas = np.full((self.input_height, self.input_width, 3), _PADDING_GREY, dtype=np.uint8)
        canvas[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width] = inner
        return np.asarray(cv2.dnn.blobFromImage(canvas, scalefactor=1 / 255, swapRB=True), dtype=np.float32)

    def to_input(self, boxes: Float32) -> Float32:
        """Boxes (n, 4) in image pixels as boxes in input pixels."""
        return (boxes * self._scale() + self._shift()).astype(np.float32)

    def to_image(self, boxes: Float32) -> Float32:
        """Boxes (n, 4) in input pixels as boxes in image pixels, not clipped."""
        return ((boxes - self._shift()) / self._scale()).astype(np.float32)

    def _scale(self) -> Float32:
        x, y = self.inner_width / self.width, self.inner_height / self.height
        return np.array([x, y, x, y], dtype=np.float32)

    def _shift(self) -> Float32:
        return np.array([self.left, self.top, self.left, self.top], dtype=np.float32)
