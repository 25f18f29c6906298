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
SCORE_WEIGHT = 1.0  # a difference in score counts as much as one in overlap
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

    def add(self, tracks: Bools, detections: Bools, similarity: Floats, possible: Bools) -> None:
        rows = (tracks & (self.detection < 0)).nonzero()[0]
        columns = (detections & self.free).nonzero()[0]
        if not len(rows) or not len(columns):
            return
        pairs = np.ix_(rows, columns)
        matched, found = assign(similarity[pairs], possible[pairs])
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
    matching.add(confirmed & foreseen, high, similarity, iou >= MIN_IOU)

    recent = age <= max(moment.interval_ms, LOW_WITHIN_MS)
    trusted = moment.now - tracks["last_high_at"] <= moment.contract.low_only_ms
    matching.add(confirmed & recent & trusted, ~high, iou, iou >= MIN_IOU_LOW)

    _add_by_last_observation(matching, tracks, confirmed & _near(tracks["box"], predicted), boxes, high)
    matching.add(~confirmed, high, iou, iou >= MIN_IOU)
    return matching.detection


def _near(last_seen: Floats, predicted: Floats) -> Bools:
    across = predicted[0] + predicted[2] - last_seen[:, 0] - last_seen[:, 2]
    down = predicted[1] + predicted[3] - last_seen[:, 1] - last_seen[:, 3]
    reach = (2.0 * MAX_DEPARTURE) * (last_seen[:, 3] - last_seen[:, 1])
    near: Bools = across * across + down * down < reach * reach
    return near


def _add_by_last_observation(matching: _Matching, tracks: Tracks, wanted: Bools, boxes: Floats, high: Bools) -> None:
    """People who turn or stop behind something come back where they were, not where they were heading."""
    rows = (wanted & (matching.detection < 0)).nonzero()[0]
    columns = (high & matching.free).nonzero()[0]
    if not len(rows) or not len(columns):
        return
    iou, _ = overlap(tracks["box"][rows].T, boxes[:, columns])
    matched, found = assign(iou, iou >= MIN_IOU_LAST_SEEN)
    matching.detection[rows[matched]] = columns[found]
    matching.free[columns[found]] = False
