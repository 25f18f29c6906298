"""The detections of a frame as the tracker uses them: valid, from the floor on, in one canonical order. Knows no track."""

from typing import NamedTuple

import numpy as np

from stream_processors.domain.appearance import known_looks
from stream_processors.domain.boxes import Floats, Ints, valid_detections
from stream_processors.domain.tracks import Frame

MAX_DETECTIONS = 1_000


class Detections(NamedTuple):
    """The usable detections of a frame, best first.

    Args:
        source: (m,) index of each into the frame.
        boxes: (4, m) corners.
        scores: (m,) in 0..1.
        looks: (m, d) appearance vectors; d is 0 without them.
    """

    source: Ints
    boxes: Floats
    scores: Floats
    looks: Floats

    def take(self, rows: Ints) -> "Detections":
        """These detections only."""
        boxes, looks = self.boxes.take(rows, axis=1), self.looks.take(rows, axis=0)
        return Detections(self.source[rows], boxes, self.scores[rows], looks)


def usable(frame: Frame) -> Detections:
    """The valid detections from the floor on by (score, box), so that their order in the frame decides nothing.

    Beyond `MAX_DETECTIONS` only the best are kept; scores above 1 count as 1.
    """
    mask = valid_detections(frame.boxes, frame.scores) & (frame.scores >= frame.contract.floor)
    source = mask.nonzero()[0]
    boxes, scores = frame.boxes[source].T, np.minimum(frame.scores[source], 1.0)
    looks = np.zeros((len(source), 0)) if frame.appearance is None else known_looks(frame.appearance[source])
    best = np.lexsort((*boxes[::-1], -scores))[:MAX_DETECTIONS]
    return Detections(source, boxes, scores, looks).take(best)
