"""Which detection belongs to which track: one optimal assignment a pass, from the surest pairs to the least sure.

Knows boxes, scores and ages; it neither filters nor ends a track. The passes are those of ByteTrack (Zhang et al. 2022: high
scores, then low ones) and OC-SORT (Cao et al. 2023: the last observation); the similarity is that of Hybrid-SORT (Yang et al.
2024: overlap modulated by that of the heights, and the score as a weak cue).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from stream_processors.domain.boxes import Bools, Floats, Ints, overlap
from stream_processors.domain.detections import Detections
from stream_processors.domain.tracks import ScoreContract, Tracks

MIN_IOU = 0.2
MIN_IOU_LOW = 0.5
MIN_IOU_LAST_SEEN = 0.3
MAX_DEPARTURE = 0.7  # heights: who was heading further away than this does not come back to where he was
MIN_IOU_REACH = 0.2
REACH = 0.5  # heights a second that a person may stray from what was foreseen
MAX_REACH = 0.5
SCORE_WEIGHT = 1.0  # a difference in score counts as much as one in overlap
MIN_WITNESSES = 4  # tracks that must agree before a shift is taken for the camera's
LOW_WITHIN_MS = 100  # low scores keep only what was seen a moment ago
PREDICTED_WITHIN_MS = 1_000  # constant velocity says nothing about people for longer
MATURE_OBSERVATIONS = 8  # before that a velocity is not worth following once the track is lost
APPEARANCE_WEIGHT = 0.5
WORTHLESS = 1e-9


class Moment(NamedTuple):
    """What an association depends on besides tracks and detections, all in event time."""

    now: int
    interval_ms: int
    contract: ScoreContract


def assign(similarity: Floats, possible: Bools) -> tuple[Ints, Ints]:
    """Rows and columns of the pairs of greatest total similarity among the possible ones."""
    cost = np.where(possible, -similarity, 0.0)
    rows, columns = linear_sum_assignment(cost)
    kept = cost[rows, columns] < 0.0
    return rows[kept], columns[kept]


class _Matching:
    """The pairs found so far; each pass sees only what is still free."""

    def __init__(self, tracks: int, detections: int) -> None:
        self.detection = np.full(tracks, -1, np.int64)
        self.free = np.ones(detections, np.bool_)

    def match(self, tracks: Bools, detections: Bools, similarity: Floats, possible: Bools) -> None:
        """Matches by matrices (n, m) that are there already."""
        rows, columns = self._open(tracks, detections)
        if len(rows) and len(columns):
            pairs = np.ix_(rows, columns)
            self._take(rows, columns, assign(similarity[pairs], possible[pairs]))

    def match_boxes(self, tracks: Bools, expected: Floats, detections: Bools, boxes: Floats, min_iou: float) -> None:
        """Matches by the overlap of where tracks are `expected` (4, n) with the `boxes` (4, m) of detections."""
        rows, columns = self._open(tracks, detections)
        if len(rows) and len(columns):
            iou, _ = overlap(expected.take(rows, axis=1), boxes.take(columns, axis=1))
            self._take(rows, columns, assign(iou, iou >= min_iou))

    def _open(self, tracks: Bools, detections: Bools) -> tuple[Ints, Ints]:
        return (tracks & (self.detection < 0)).nonzero()[0], (detections & self.free).nonzero()[0]

    def _take(self, rows: Ints, columns: Ints, pairs: tuple[Ints, Ints]) -> None:
        matched, found = pairs
        self.detection[rows[matched]] = columns[found]
        self.free[columns[found]] = False


def associate(
    tracks: Tracks, predicted: Floats, found: Detections, moment: Moment, looks: Floats | None = None
) -> Ints:
    """For each track the index of its detection, or -1.

    Args:
        tracks: (n,) of `TRACK`, none of them over.
        predicted: (4, n) where they should be now, corners.
        found: the m detections, in canonical order.
        moment: time and score contract.
        looks: (n, m) resemblance in -1..1, 0 where unknown; None without appearance vectors.
    """
    boxes, scores = found.boxes, found.scores
    matching = _Matching(len(tracks), len(scores))
    if not len(tracks) or not len(scores):
        return matching.detection
    age = moment.now - tracks["last_seen_at"]
    confirmed = tracks["track_no"] > 0
    tracked = age <= moment.interval_ms
    high = scores >= moment.contract.high
    iou, height_iou = overlap(predicted, boxes)
    height_iou *= iou
    similarity = height_iou - SCORE_WEIGHT * np.abs(tracks["score"][:, None] - scores)
    if looks is not None:
        similarity += APPEARANCE_WEIGHT * looks
    np.maximum(similarity, WORTHLESS, out=similarity)

    foreseen = tracked | ((age <= PREDICTED_WITHIN_MS) & (tracks["observations"] >= MATURE_OBSERVATIONS))
    matching.match(foreseen, high, similarity, iou >= MIN_IOU)

    recent = age <= max(moment.interval_ms, LOW_WITHIN_MS)
    trusted = moment.now - tracks["last_high_at"] <= moment.contract.low_only_ms
    matching.match(confirmed & recent & trusted, ~high, iou, iou >= MIN_IOU_LOW)

    if not (high & matching.free).any():
        return matching.detection

    # People who turn or stop behind something come back where they were, not where they were heading.
    near = confirmed & _near(tracks["box"], predicted)
    matching.match_boxes(near, tracks["box"].T, high, boxes, MIN_IOU_LAST_SEEN)

    # The longer ago they were seen, the further people may have turned from what was foreseen.
    reachable, reach = grown(predicted, age), grown(boxes, np.full(len(scores), moment.interval_ms))
    matching.match_boxes(confirmed & tracked, reachable, high, reach, MIN_IOU_REACH)
    matching.match_boxes(~confirmed, reachable, high, reach, MIN_IOU_REACH)
    return matching.detection


def grown(boxes: Floats, age_ms: Ints) -> Floats:
    """Boxes (4, n) with a margin for how far a person gets in `age_ms` (n,) without notice."""
    margin = np.minimum(age_ms * (REACH / 1_000.0), MAX_REACH) * (boxes[3] - boxes[1])
    return np.concatenate((boxes[:2] - margin, boxes[2:] + margin))


def camera_shift(tracks: Tracks, predicted: Floats, found: Detections, moment: Moment) -> Floats:
    """How far (2,) the picture moved, x and y in pixels: the median over tracked people of detection minus prediction."""
    tracked = (tracks["track_no"] > 0) & (moment.now - tracks["last_seen_at"] <= moment.interval_ms)
    matching = _Matching(len(tracks), len(found.scores))
    iou, _ = overlap(predicted, found.boxes)
    matching.match(tracked, found.scores >= moment.contract.high, iou, iou >= MIN_IOU)
    witnesses = (matching.detection >= 0).nonzero()[0]
    if len(witnesses) < MIN_WITNESSES:
        return np.zeros(2)
    apart = found.boxes.take(matching.detection[witnesses], axis=1) - predicted.take(witnesses, axis=1)
    shift: Floats = np.median((apart[:2] + apart[2:]) * 0.5, axis=1)
    return shift


def _near(last_seen: Floats, predicted: Floats) -> Bools:
    across = predicted[0] + predicted[2] - last_seen[:, 0] - last_seen[:, 2]
    down = predicted[1] + predicted[3] - last_seen[:, 1] - last_seen[:, 3]
    reach = (2.0 * MAX_DEPARTURE) * (last_seen[:, 3] - last_seen[:, 1])
    near: Bools = across * across + down * down < reach * reach
    return near
