"""The tracker of one camera: detections of a frame in, confirmed tracks out, as a pure fold over event time.

It knows no zone, no message and no clock: the same frames give the same bits, whole or resumed from a snapshot. The steps are
those of SORT and ByteTrack: predict, associate, update, confirm, end.
"""

import io
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from stream_processors.domain import kalman
from stream_processors.domain.boxes import Floats, Ints, intersection_over_union, valid_detections

MAX_DETECTIONS = 1_000
CONFIRM_WITHIN_MS = 400
MIN_IOU_HIGH = 0.2
MIN_IOU_LOW = 0.5

TRACK = np.dtype(
    [
        ("track_no", np.int64),  # 0 while tentative
        ("started_at", np.int64),
        ("last_seen_at", np.int64),
        ("last_high_at", np.int64),
        ("observations", np.int64),
        ("box", np.float64, (4,)),  # last observation, as it was
        ("score", np.float64),
        ("filters", np.float64, (5, 4)),
    ]
)
Tracks = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class ScoreContract:
    """What a detector's scores mean: below `floor` nothing, from `high` on a person, from `birth` on a new one."""

    floor: float
    high: float
    birth: float
    low_only_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the tracker sees of one accepted frame; `boxes` (n, 4) x1 y1 x2 y2 in pixels, `scores` (n,)."""

    observed_at: int
    boxes: Floats
    scores: Floats
    contract: ScoreContract
    appearance: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """All that is remembered between two frames: one row of `tracks` (dtype `TRACK`) a track, in order of birth."""

    observed_at: int | None
    last_track_no: int
    tracks: Tracks

    @classmethod
    def empty(cls) -> "TrackerState":
        """Before the first frame."""
        return cls(None, 0, np.zeros(0, TRACK))


@dataclass(frozen=True, slots=True)
class EndedTrack:
    """A confirmed track that is over; `ended_at` is when it was last seen."""

    track_no: int
    started_at: int
    ended_at: int
    observations: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """The confirmed tracks matched in a frame, the earlier observations of those confirmed in it, and the ended ones."""

    track_no: Ints
    detection: Ints
    backlog_track_no: Ints
    backlog_observed_at: Ints
    backlog_boxes: Floats
    backlog_scores: Floats
    ended: tuple[EndedTrack, ...]


def usable(frame: Frame) -> Ints:
    """Indices of the detections that count, best first in a canonical order (score, then box)."""
    mask = valid_detections(frame.boxes, frame.scores) & (frame.scores >= frame.contract.floor)
    index = np.flatnonzero(mask)
    boxes = frame.boxes[index]
    order = np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -frame.scores[index]))
    return index[order[:MAX_DETECTIONS]]


def assign(similarity: Floats, minimum: float) -> tuple[Ints, Ints]:
    """Rows and columns of the pairs of greatest total similarity, none of them below `minimum`."""
    gated = np.where(similarity >= minimum, similarity, 0.0)
    rows, columns = linear_sum_assignment(gated, maximize=True)
    kept = gated[rows, columns] > 0.0
    return rows[kept], columns[kept]


def _match(tracks: Ints, detections: Ints, similarity: Floats, minimum: float, match: Ints) -> None:
    rows, columns = assign(similarity[np.ix_(tracks, detections)], minimum)
    match[tracks[rows]] = detections[columns]


def _associate(state: TrackerState, tracks: Tracks, frame: Frame, boxes: Floats, scores: Floats) -> Ints:
    """For each track the index of its detection, or -1."""
    similarity = intersection_over_union(kalman.corners(tracks["filters"][:, 0]), boxes)
    match = np.full(len(tracks), -1, np.int64)
    confirmed = tracks["track_no"] > 0
    high = scores >= frame.contract.high
    _match(np.flatnonzero(confirmed), np.flatnonzero(high), similarity, MIN_IOU_HIGH, match)
    tracked = confirmed & (match < 0) & (tracks["last_seen_at"] == state.observed_at)
    fresh = frame.observed_at - tracks["last_high_at"] <= frame.contract.low_only_ms
    _match(np.flatnonzero(tracked & fresh), np.flatnonzero(~high), similarity, MIN_IOU_LOW, match)
    left = high.copy()
    left[match[match >= 0]] = False
    _match(np.flatnonzero(~confirmed), np.flatnonzero(left), similarity, MIN_IOU_HIGH, match)
    return match


def _born(observed_at: int, boxes: Floats, scores: Floats) -> Tracks:
    born = np.zeros(len(boxes), TRACK)
    born["started_at"] = born["last_seen_at"] = born["last_high_at"] = observed_at
    born["observations"] = 1
    born["box"], born["score"] = boxes, scores
    born["filters"] = kalman.initiate(boxes).transpose(1, 0, 2)
    return born


def _ended(tracks: Tracks) -> tuple[EndedTrack, ...]:
    confirmed = tracks[tracks["track_no"] > 0]
    columns = (confirmed[name].tolist() for name in ("track_no", "started_at", "last_seen_at", "observations"))
    return tuple(sorted((EndedTrack(*row) for row in zip(*columns, strict=True)), key=lambda track: track.track_no))


def update(state: TrackerState, frame: Frame, *, track_timeout_ms: int = 2_000) -> tuple[TrackerState, TrackedFrame]:
    """The state after `frame`, and what it says about confirmed tracks. Never changes `state`."""
    now = frame.observed_at
    index = usable(frame)
    boxes, scores = frame.boxes[index], frame.scores[index]
    interval = 0 if state.observed_at is None else now - state.observed_at
    confirm_within = max(CONFIRM_WITHIN_MS, 2 * interval)

    age = now - state.tracks["last_seen_at"]
    over = age > track_timeout_ms
    gone = state.tracks[over]
    tracks = state.tracks[~over]
    filters = kalman.Filters(*tracks["filters"].transpose(1, 0, 2))
    predicted = kalman.predict(filters, interval / 1_000.0)
    tracks["filters"] = np.stack(predicted).transpose(1, 0, 2)

    match = _associate(state, tracks, frame, boxes, scores)
    seen = np.flatnonzero(match >= 0)
    detection = match[seen]
    earlier = tracks[seen]
    corrected = kalman.correct(kalman.Filters(*earlier["filters"].transpose(1, 0, 2)), boxes[detection])
    updated = earlier.copy()
    updated["filters"] = np.stack(corrected).transpose(1, 0, 2)
    updated["box"], updated["score"] = boxes[detection], scores[detection]
    updated["last_seen_at"] = now
    updated["last_high_at"] = np.where(scores[detection] >= frame.contract.high, now, earlier["last_high_at"])
    updated["observations"] += 1

    last_track_no = state.last_track_no
    confirming = np.flatnonzero(updated["track_no"] == 0)
    for row in confirming:
        last_track_no = max(last_track_no + 1, int(updated["started_at"][row]))
        updated["track_no"][row] = last_track_no
    backlog = earlier[confirming]
    tracks[seen] = updated

    order = np.argsort(updated["track_no"], kind="stable")
    tentative = tracks["track_no"] == 0
    age = now - tracks["last_seen_at"]
    over = np.where(tentative, age >= confirm_within, age >= track_timeout_ms)
    free = np.ones(len(boxes), np.bool_)
    free[detection] = False
    newborn = np.flatnonzero(free & (scores >= frame.contract.birth))
    ended = _ended(np.concatenate((gone, tracks[over])))
    kept = np.concatenate((tracks[~over], _born(now, boxes[newborn], scores[newborn])))
    by_time = np.argsort(backlog["last_seen_at"], kind="stable")
    return TrackerState(now, last_track_no, kept), TrackedFrame(
        track_no=updated["track_no"][order],
        detection=index[detection[order]],
        backlog_track_no=updated["track_no"][confirming][by_time],
        backlog_observed_at=backlog["last_seen_at"][by_time],
        backlog_boxes=backlog["box"][by_time],
        backlog_scores=backlog["score"][by_time],
        ended=ended,
    )


def end_all(state: TrackerState) -> tuple[TrackerState, tuple[EndedTrack, ...]]:
    """After a gap or a lost camera: every track ends when last seen; numbers are never used again."""
    return replace(state, tracks=state.tracks[:0]), _ended(state.tracks)


def undecided_since(state: TrackerState) -> int | None:
    """The earliest moment that a later frame may still change: of a lost or of a tentative track; None if there is neither."""
    lost = (state.tracks["track_no"] > 0) & (state.tracks["last_seen_at"] != state.observed_at)
    moments = [*state.tracks["last_seen_at"][lost].tolist(), tentative_since(state)]
    return min((moment for moment in moments if moment is not None), default=None)


def tentative_since(state: TrackerState) -> int | None:
    """The first detection of the earliest tentative track, None without one."""
    return min(state.tracks["started_at"][state.tracks["track_no"] == 0].tolist(), default=None)


def dump(state: TrackerState) -> bytes:
    """The state as bytes."""
    raw = io.BytesIO()
    np.savez(raw, head=np.array([-1 if state.observed_at is None else state.observed_at, state.last_track_no]), tracks=state.tracks)
    return raw.getvalue()


def load(raw: bytes) -> TrackerState:
    """The state that `dump` wrote."""
    with np.load(io.BytesIO(raw)) as arrays:
        observed_at, last_track_no = arrays["head"].tolist()
        return TrackerState(None if observed_at < 0 else observed_at, last_track_no, arrays["tracks"])
