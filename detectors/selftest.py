"""Whether two detectors say the same of the same images, and what each costs: for a backend that nobody could try before.

Pictures and printing come from outside.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.detector import Detections, Detector, Image

_SAME_IOU = 0.5
_MOST = 0.95
_ALONE = 0.01


@dataclass(slots=True)
class Comparison:
    """What was found.

    Attributes:
        images: how many were shown to both.
        matched: boxes both found.
        missing: boxes at or above the `high` score that only the reference found.
        extra: boxes at or above the `high` score that only the candidate found.
        box_px: for each matched box the largest difference of a coordinate, in pixels of the image.
        score: for each matched box the difference of the scores.
        reference_ms: time of each detection by the reference, wall clock.
        candidate_ms: the same of the candidate.
    """

    images: int = 0
    matched: int = 0
    missing: int = 0
    extra: int = 0
    box_px: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    reference_ms: list[float] = field(default_factory=list)
    candidate_ms: list[float] = field(default_factory=list)

    def add(self, reference: Detections, candidate: Detections, high: float) -> None:
        """Count one image."""
        pairs = matched(reference, candidate)
        left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self.images += 1
        self.matched += len(pairs)
        self.missing += int((np.delete(reference.scores, left) >= high).sum())
        self.extra += int((np.delete(candidate.scores, right) >= high).sum())
        self.box_px += np.abs(reference.boxes[left] - candidate.boxes[right]).max(axis=1, initial=0).tolist()
        self.score += np.abs(reference.scores[left] - candidate.scores[right]).tolist()

    def agrees(self, tolerance_px: float) -> bool:
        """Whether 19 of 20 boxes lie within the tolerance, and no more than one person in a hundred is one's alone."""
        alone = self.missing + self.extra
        return percentile(self.box_px, _MOST) <= tolerance_px and alone <= _ALONE * max(self.matched, 1)


def compare(reference: Detector, candidate: Detector, images: Iterable[Image]) -> Comparison:
    """Show every image to both; the first one only warms them up."""
    found = Comparison()
    for index, image in enumerate(images):
        expected, expected_ms = _timed(reference, image)
        said, said_ms = _timed(candidate, image)
        if index:
            found.add(expected, said, reference.scores.high)
            found.reference_ms.append(expected_ms)
            found.candidate_ms.append(said_ms)
    return found


def matched(reference: Detections, candidate: Detections) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap by half or more, the best overlaps first, each box once."""
    overlaps = _iou(reference.boxes, candidate.boxes)
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-overlaps, axis=None, kind="stable"):
        row, column = divmod(int(flat), overlaps.shape[1])
        if overlaps[row, column] < _SAME_IOU:
            break
        if all(row != left and column != right for left, right in pairs):
            pairs.append((row, column))
    return pairs


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) and (m, 4), as (n, m)."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    size = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0)
    shared = size.prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9))


def _timed(detector: Detector, image: Image) -> tuple[Detections, float]:
    begun = time.perf_counter()
    (found,) = detector.detect([image])
    return found, (time.perf_counter() - begun) * 1_000


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return float(np.quantile(values, share)) if values else float("nan")
