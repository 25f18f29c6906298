"""The tracker of one camera: detections of a frame in, confirmed tracks out, as a pure fold over event time.

It knows no zone, no message and no clock: the same frames give the same bits, in one go or resumed from a snapshot. The steps
are those of SORT (Bewley et al. 2016) and its heirs: predict, associate, update, confirm, end, begin.
"""

from typing import NamedTuple

import numpy as np

from stream_processors.domain import appearance, kalman
from stream_processors.domain.association import Moment, associate
from stream_processors.domain.boxes import Bools, Floats, Ints, centre_size, corners, overlap, valid_detections
from stream_processors.domain.tracker_snapshot import dump, load
from stream_processors.domain.tracks import (
    TRACK,
    EndedTrack,
    Frame,
    ScoreContract,
    TrackedFrame,
    TrackerState,
    Tracks,
    end_all,
    ended,
    select,
    tentative_since,
    undecided_since,
)

__all__ = [
    "EndedTrack",
    "Frame",
    "ScoreContract",
    "TrackedFrame",
    "TrackerState",
    "dump",
    "end_all",
    "load",
    "tentative_since",
    "undecided_since",
    "update",
    "valid_detections",
]

MAX_DETECTIONS = 1_000
CONFIRM_WITHIN_MS = 400
SCORE_MEMORY_MS = 75  # an observation this long after the last one counts as much as all before it
MAX_BIRTH_IOU = 0.7  # a detection this close to a matched one is the same person


class Detections(NamedTuple):
    """The usable detections of a frame in canonical order: index into the frame (m,), corners (4, m), scores (m,)."""

    index: Ints
    boxes: Floats
    scores: Floats


def usable(frame: Frame) -> Detections:
    """The valid detections from the floor on, best first by (score, box), at most `MAX_DETECTIONS`."""
    usable = valid_detections(frame.boxes, frame.scores) & (frame.scores >= frame.contract.floor)
    index = usable.nonzero()[0]
    boxes, scores = frame.boxes[index].T, frame.scores[index]
    order = np.lexsort((*boxes[::-1], -scores))[:MAX_DETECTIONS]
    return Detections(index[order], boxes.take(order, axis=1), scores[order])


def update(state: TrackerState, frame: Frame, *, track_timeout_ms: int = 2_000) -> tuple[TrackerState, TrackedFrame]:
    """The state after `frame`, and what it says about confirmed tracks. Never changes `state`."""
    now, detections = frame.observed_at, usable(frame)
    interval_ms = 0 if state.observed_at is None else now - state.observed_at
    over = now - state.tracks["last_seen_at"] > track_timeout_ms
    gone = state.tracks[over]
    alive = select(state, (~over).nonzero()[0])
    lost = alive.tracks["last_seen_at"] != state.observed_at
    filters = kalman.predict(alive.filters, interval_ms / 1_000.0, lost)

    moment = Moment(now, interval_ms, frame.contract)
    match = associate(alive.tracks, corners(filters[0]), detections.boxes, detections.scores, moment)
    seen = (match >= 0).nonzero()[0]
    found = match[seen]
    before = alive.tracks.take(seen)
    after, last_track_no = _confirm(_observe(before, detections, found, moment), state.last_track_no)
    tracks = alive.tracks
    tracks[seen] = after
    filters[:, :, seen] = kalman.correct(
        filters.take(seen, axis=2), centre_size(detections.boxes.take(found, axis=1)), detections.scores[found]
    )

    over = _over(tracks, now, track_timeout_ms, max(CONFIRM_WITHIN_MS, 2 * interval_ms))
    kept = (~over).nonzero()[0]
    born = _births(detections, found, frame.contract.birth)
    newborn = detections.boxes.take(born, axis=1)
    later = TrackerState(
        now,
        last_track_no,
        _join(tracks.take(kept), _begin(newborn, detections.scores[born], now)),
        np.concatenate((filters.take(kept, axis=2), kalman.initiate(centre_size(newborn))), axis=2),
        np.zeros((len(kept) + len(born), 0)),
    )
    return later, _report(before, after, detections.index[found], ended(_join(gone, tracks[over])))


def _observe(before: Tracks, detections: Detections, found: Ints, moment: Moment) -> Tracks:
    after = before.copy()
    scores = detections.scores[found]
    since = moment.now - before["last_seen_at"]
    after["last_seen_at"] = moment.now
    after["last_high_at"][scores >= moment.contract.high] = moment.now
    after["observations"] += 1
    after["box"] = detections.boxes.take(found, axis=1).T
    after["score"] += since / (since + SCORE_MEMORY_MS) * (scores - before["score"])
    return after


def _confirm(tracks: Tracks, last_track_no: int) -> tuple[Tracks, int]:
    """Two matches make a track: numbers in order of first detection, each `max(last + 1, first detection)`."""
    for row in (tracks["track_no"] == 0).nonzero()[0].tolist():
        last_track_no = max(last_track_no + 1, int(tracks["started_at"][row]))
        tracks["track_no"][row] = last_track_no
    return tracks, last_track_no


def _over(tracks: Tracks, now: int, timeout_ms: int, confirm_within_ms: int) -> Bools:
    limit = np.where(tracks["track_no"] == 0, confirm_within_ms, timeout_ms)
    return now - tracks["last_seen_at"] >= limit


def _births(detections: Detections, found: Ints, birth: float) -> Ints:
    free = detections.scores >= birth
    free[found] = False
    rows = free.nonzero()[0]
    if not len(rows) or not len(found):
        return rows
    iou, _ = overlap(detections.boxes.take(rows, axis=1), detections.boxes.take(found, axis=1))
    return rows[iou.max(axis=1) <= MAX_BIRTH_IOU]


def _begin(boxes: Floats, scores: Floats, now: int) -> Tracks:
    tracks = np.zeros(len(scores), TRACK)
    for moment in ("started_at", "last_seen_at", "last_high_at"):
        tracks[moment] = now
    tracks["observations"] = 1
    tracks["box"], tracks["score"] = boxes.T, scores
    return tracks


def _join(a: Tracks, b: Tracks) -> Tracks:
    """`np.concatenate`, without its search for a common type."""
    if not len(b):
        return a
    joined = np.empty(len(a) + len(b), TRACK)
    joined[: len(a)], joined[len(a) :] = a, b
    return joined


def _report(before: Tracks, after: Tracks, index: Ints, ended: tuple[EndedTrack, ...]) -> TrackedFrame:
    order = np.argsort(after["track_no"])
    confirmed = (before["track_no"] == 0).nonzero()[0]
    confirmed = confirmed[np.lexsort((after["track_no"][confirmed], before["last_seen_at"][confirmed]))]
    return TrackedFrame(
        track_no=after["track_no"][order],
        detection=index[order],
        backlog_track_no=after["track_no"][confirmed],
        backlog_observed_at=before["last_seen_at"][confirmed],
        backlog_boxes=before["box"][confirmed],
        backlog_scores=before["score"][confirmed],
        ended=ended,
    )
