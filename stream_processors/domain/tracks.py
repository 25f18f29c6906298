"""What the tracker takes, remembers and gives: plain values, and the questions that can be asked of them.

Knows no association and no filter; `tracker` changes these values, `tracker_snapshot` writes them down.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from stream_processors.domain.boxes import Floats, Ints

TRACK = np.dtype(
    [
        ("track_no", np.int64),  # 0 while tentative
        ("started_at", np.int64),  # first detection
        ("last_seen_at", np.int64),
        ("last_high_at", np.int64),  # last seen with a score from the contract's `high` on
        ("observations", np.int64),
        ("box", np.float64, (4,)),  # last detection, as it was: x1 y1 x2 y2
        ("score", np.float64),  # smoothed over the observations
    ]
)
Tracks = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class ScoreContract:
    """What a detector's scores mean; it belongs to the detector.

    Below `floor` is nothing, from `floor` to `high` may only keep a track, for at most `low_only_ms` in a row, from `high` on
    is a person, and from `birth` on a new track.
    """

    floor: float
    high: float
    birth: float
    low_only_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the tracker sees of one accepted frame.

    Args:
        observed_at: event time, UTC ms, strictly after the last frame's.
        boxes: (n, 4) x1 y1 x2 y2 in pixels, unclipped.
        scores: (n,) in 0..1.
        contract: what these scores mean.
        appearance: (n, d) vectors of length one, or None.
    """

    observed_at: int
    boxes: Floats
    scores: Floats
    contract: ScoreContract
    appearance: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """All that is remembered between two frames. Compare two states by their snapshots.

    Args:
        observed_at: the last frame, None before the first.
        last_track_no: the highest number ever given.
        tracks: (n,) of `TRACK`, in order of birth.
        filters: (5, 4, n), see `kalman`.
        appearance: (n, d), zero where never seen; d is 0 until a frame brings vectors.
    """

    observed_at: int | None = None
    last_track_no: int = 0
    tracks: Tracks = field(default_factory=lambda: np.zeros(0, TRACK))
    filters: Floats = field(default_factory=lambda: np.zeros((5, 4, 0)))
    appearance: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def empty(cls) -> "TrackerState":
        """Before the first frame."""
        return cls()


@dataclass(frozen=True, slots=True)
class EndedTrack:
    """A confirmed track that is over; `ended_at` is when it was last seen."""

    track_no: int
    started_at: int
    ended_at: int
    observations: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """The confirmed tracks of a frame.

    Args:
        track_no: (m,) ascending: those matched in this frame.
        detection: (m,) index of each into `Frame.boxes`.
        backlog_track_no: (b,) the earlier observations of tracks confirmed in this frame, by (observed_at, track_no).
        backlog_observed_at: (b,) UTC ms.
        backlog_boxes: (b, 4) as detected.
        backlog_scores: (b,) as detected.
        ended: ascending by number.
    """

    track_no: Ints
    detection: Ints
    backlog_track_no: Ints
    backlog_observed_at: Ints
    backlog_boxes: Floats
    backlog_scores: Floats
    ended: tuple[EndedTrack, ...]


def select(state: TrackerState, rows: Ints) -> TrackerState:
    """The state with these rows of its tracks only."""
    return replace(
        state,
        tracks=state.tracks.take(rows),
        filters=state.filters.take(rows, axis=2),
        appearance=state.appearance.take(rows, axis=0),
    )


def ended(tracks: Tracks) -> tuple[EndedTrack, ...]:
    """The confirmed of these tracks, told as over."""
    if not len(tracks):
        return ()
    confirmed = tracks[tracks["track_no"] > 0]
    confirmed = confirmed[confirmed["track_no"].argsort()]
    columns = (confirmed[name].tolist() for name in ("track_no", "started_at", "last_seen_at", "observations"))
    return tuple(EndedTrack(*row) for row in zip(*columns, strict=True))


def end_all(state: TrackerState) -> tuple[TrackerState, tuple[EndedTrack, ...]]:
    """After a gap or a lost camera: every track ends when last seen; its number is never given again."""
    return select(state, np.zeros(0, np.int64)), ended(state.tracks)


def tentative_since(state: TrackerState) -> int | None:
    """The first detection of the earliest tentative track, None without one."""
    tentative = state.tracks["track_no"] == 0
    return int(state.tracks["started_at"][tentative].min()) if tentative.any() else None


def undecided_since(state: TrackerState) -> int | None:
    """The earliest moment that later frames may still change, None if there is none.

    It is the last-seen time of a lost confirmed track or the first detection of a tentative one.
    """
    tracks = state.tracks
    tentative = tracks["track_no"] == 0
    undecided = tentative | (tracks["last_seen_at"] != state.observed_at)
    since = np.where(tentative, tracks["started_at"], tracks["last_seen_at"])[undecided]
    return int(since.min()) if len(since) else None
