"""The tracker of one camera: detections of a frame in, confirmed tracks out, as a pure fold over event time.

It knows no zone, no message and no clock: the same frames give the same bits, in one go or resumed from a snapshot. The steps
are those of SORT (Bewley et al. 2016) and its heirs: predict, associate, update, confirm, end, begin.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stream_processors.domain import appearance, kalman
from stream_processors.domain.association import Moment, associate, camera_shift
from stream_processors.domain.boxes import Ints, centre_size, corners, overlap, valid_detections
from stream_processors.domain.detections import Detections, usable
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

CONFIRM_WITHIN_MS = 400
SCORE_MEMORY_MS = 75  # an observation this long after the last one counts as much as all before it
MAX_BIRTH_IOU = 0.6  # a detection this close to a matched one is the same person


class Limits(NamedTuple):
    """How long a track of each kind may go unseen, ms."""

    tentative: int
    confirmed: int

    def of(self, tracks: Tracks) -> Ints:
        """The limit of each track."""
        limits: Ints = np.where(tracks["track_no"] == 0, self.tentative, self.confirmed)
        return limits


def update(
    state: TrackerState, frame: Frame, *, track_timeout_ms: int = 2_000, camera_moves: bool = False
) -> tuple[TrackerState, TrackedFrame]:
    """The state after `frame`, and what it says about confirmed tracks. Never changes `state`.

    With `camera_moves` a shift that most people share is taken for the camera's own and taken out before the association.

    Raises:
        ValueError: the frame is not after the last one.
    """
    moment = _moment(state, frame)
    limits = Limits(max(CONFIRM_WITHIN_MS, 2 * moment.interval_ms), track_timeout_ms)
    detections = usable(frame)
    predicted, expired = _predict(state, moment, limits, detections.looks.shape[1])
    if camera_moves:
        predicted = _steady(predicted, detections, moment)
    match = _associate(predicted, detections, moment)
    seen = (match >= 0).nonzero()[0]
    found = detections.take(match[seen])
    before = predicted.tracks.take(seen)
    current = _correct(predicted, seen, found, moment)
    after = current.tracks.take(seen)
    kept, over = _end(current, moment, limits)
    later = _begin(kept, detections.take(_births(detections, match[seen], frame.contract.birth)), moment.now)
    return later, _report(before, after, found.source, ended(_join(expired, over)))


def _moment(state: TrackerState, frame: Frame) -> Moment:
    if state.observed_at is None:
        return Moment(frame.observed_at, 0, frame.contract)
    if frame.observed_at <= state.observed_at:
        raise ValueError(f"a frame at {frame.observed_at} cannot follow one at {state.observed_at}; refuse it as late")
    return Moment(frame.observed_at, frame.observed_at - state.observed_at, frame.contract)


def _predict(state: TrackerState, moment: Moment, limits: Limits, dimensions: int) -> tuple[TrackerState, Tracks]:
    """The tracks that are not over, where they should be now; and those that are over."""
    overdue = moment.now - state.tracks["last_seen_at"] > limits.of(state.tracks)
    alive = select(state, (~overdue).nonzero()[0])
    lost = alive.tracks["last_seen_at"] != state.observed_at
    filters = kalman.predict(alive.filters, moment.interval_ms / 1_000.0, lost)
    looks = appearance.widen(alive.appearance, dimensions) if dimensions else alive.appearance
    return replace(alive, filters=filters, appearance=looks), state.tracks[overdue]


def _steady(predicted: TrackerState, detections: Detections, moment: Moment) -> TrackerState:
    filters = predicted.filters.copy()
    shift = camera_shift(predicted.tracks, corners(filters[0]), detections, moment)
    filters[0, :2] += shift[:, None]
    return replace(predicted, filters=filters)


def _associate(predicted: TrackerState, detections: Detections, moment: Moment) -> Ints:
    looks = appearance.resemblance(predicted.appearance, detections.looks) if detections.looks.shape[1] else None
    return associate(predicted.tracks, corners(predicted.filters[0]), detections, moment, looks)


def _correct(predicted: TrackerState, seen: Ints, found: Detections, moment: Moment) -> TrackerState:
    """The state in which the tracks `seen` took what was found of them; the tentative ones are confirmed by it."""
    tracks, filters, looks = predicted.tracks.copy(), predicted.filters.copy(), predicted.appearance
    observed, last_track_no = _confirm(_observe(tracks.take(seen), found, moment), predicted.last_track_no)
    tracks[seen] = observed
    filters[:, :, seen] = kalman.correct(filters.take(seen, axis=2), centre_size(found.boxes), found.scores)
    if found.looks.shape[1]:
        looks = looks.copy()
        looks[seen] = appearance.blend(looks[seen], found.looks)
    return TrackerState(moment.now, last_track_no, tracks, filters, looks)


def _observe(tracks: Tracks, found: Detections, moment: Moment) -> Tracks:
    since = moment.now - tracks["last_seen_at"]
    tracks["last_seen_at"] = moment.now
    tracks["last_high_at"][found.scores >= moment.contract.high] = moment.now
    tracks["observations"] += 1
    tracks["box"] = found.boxes.T
    tracks["score"] += since / (since + SCORE_MEMORY_MS) * (found.scores - tracks["score"])
    return tracks


def _confirm(tracks: Tracks, last_track_no: int) -> tuple[Tracks, int]:
    """Two matches make a track: numbers in order of first detection, each `max(last + 1, first detection)`."""
    for row in (tracks["track_no"] == 0).nonzero()[0].tolist():
        last_track_no = max(last_track_no + 1, int(tracks["started_at"][row]))
        tracks["track_no"][row] = last_track_no
    return tracks, last_track_no


def _end(state: TrackerState, moment: Moment, limits: Limits) -> tuple[TrackerState, Tracks]:
    """The state without the tracks that are over, and these."""
    over = moment.now - state.tracks["last_seen_at"] >= limits.of(state.tracks)
    if not over.any():
        return state, state.tracks[:0]
    return select(state, (~over).nonzero()[0]), state.tracks[over]


def _births(detections: Detections, found: Ints, birth: float) -> Ints:
    free = detections.scores >= birth
    free[found] = False
    rows = free.nonzero()[0]
    if not len(rows) or not len(found):
        return rows
    iou, _ = overlap(detections.boxes.take(rows, axis=1), detections.boxes.take(found, axis=1))
    apart: Ints = rows[iou.max(axis=1) <= MAX_BIRTH_IOU]
    return apart


def _begin(state: TrackerState, newborn: Detections, now: int) -> TrackerState:
    """The state with a tentative track for each of these detections."""
    if not len(newborn.source):
        return state
    tracks = np.zeros(len(newborn.source), TRACK)
    tracks["started_at"] = tracks["last_seen_at"] = tracks["last_high_at"] = now
    tracks["observations"], tracks["box"], tracks["score"] = 1, newborn.boxes.T, newborn.scores
    looks = np.zeros((len(tracks), state.appearance.shape[1]))
    if newborn.looks.shape[1]:
        looks = appearance.blend(looks, newborn.looks)
    return replace(
        state,
        tracks=_join(state.tracks, tracks),
        filters=np.concatenate((state.filters, kalman.initiate(centre_size(newborn.boxes))), axis=2),
        appearance=np.concatenate((state.appearance, looks)),
    )


def _join(a: Tracks, b: Tracks) -> Tracks:
    """`np.concatenate`, without its slow search for a common type."""
    if not len(b):
        return a
    joined = np.empty(len(a) + len(b), TRACK)
    joined[: len(a)], joined[len(a) :] = a, b
    return joined


def _report(before: Tracks, after: Tracks, source: Ints, ended: tuple[EndedTrack, ...]) -> TrackedFrame:
    order = np.argsort(after["track_no"])
    confirmed = (before["track_no"] == 0).nonzero()[0]
    confirmed = confirmed[np.lexsort((after["track_no"][confirmed], before["last_seen_at"][confirmed]))]
    return TrackedFrame(
        track_no=after["track_no"][order],
        detection=source[order],
        backlog_track_no=after["track_no"][confirmed],
        backlog_observed_at=before["last_seen_at"][confirmed],
        backlog_boxes=before["box"][confirmed],
        backlog_scores=before["score"][confirmed],
        ended=ended,
    )
