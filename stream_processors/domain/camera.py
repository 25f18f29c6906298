"""One camera's fold: `step(state, entry) -> (state, outputs)`, the only way a record of its log changes anything.

A pure function: no clock, no randomness, no setting of the process. An error leaves the caller with the state it had.
Outputs of one cause are numbered over all topics: first what tracking says, then zones, then the camera itself.
"""

from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from schemas.events import (
    AdoptRun,
    CameraConfigurationApplied,
    CameraSilent,
    CameraStatusChanged,
    ConfigureCamera,
    DefineZones,
    EdgeConfigurationReported,
    FrameObserved,
    FramesDropped,
    FramesLost,
    LogRecord,
    Output,
    Position,
    RecordRefused,
)
from stream_processors.domain import facts, tracker, zones
from stream_processors.domain.commands import obey
from stream_processors.domain.definitions import Layout
from stream_processors.domain.geometry import Floats
from stream_processors.domain.state import CameraState, Step, end_tracks, exits, with_status
from stream_processors.domain.tracker import TrackedFrame
from stream_processors.domain.zones import Sighted

__all__ = ["FOLD_VERSION", "CameraState", "LogEntry", "MalformedFrameError", "step"]

FOLD_VERSION = 1
_BOX = np.dtype("<f4")


class MalformedFrameError(ValueError):
    """A frame whose parts do not fit together; it can never be folded."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A record of the log, where it stands, and when the broker appended it (UTC ms; None offline)."""

    position: Position
    appended_at: int | None
    record: LogRecord


def step(state: CameraState, entry: LogEntry) -> Step:
    """Fold one record of the camera's log.

    Raises:
        MalformedFrameError: a frame whose boxes, scores or size make no sense.
    """
    cause, record = entry.position, entry.record
    match record:
        case FrameObserved():
            state, outputs = _frame(state, cause, record, entry.appended_at)
        case ConfigureCamera() | DefineZones() | AdoptRun():
            state, outputs = obey(state, cause, record)
        case CameraStatusChanged():
            state, outputs = _edge_status(state, cause, record)
        case CameraSilent():
            state, outputs = _silent(state, cause, record)
        case EdgeConfigurationReported():
            outputs = [CameraConfigurationApplied.answering(record, cause)]
        case FramesDropped():
            outputs = [FramesLost.answering(record, cause)]
    return state, facts.numbered(outputs)


def _frame(state: CameraState, cause: Position, frame: FrameObserved, appended_at: int | None) -> Step:
    reason = state.admission.judge(frame, appended_at, enabled=state.settings.enabled)
    if reason is not None:
        named = state.admission.refusing != reason
        refused = RecordRefused(position=cause, camera_id=frame.camera_id, reason=reason, detail=_which(frame))
        return replace(state, admission=state.admission.refusing_for(reason)), [refused] if named else []
    detections = _detections(frame)
    since: int | None = state.watermark
    tracked: list[Output] = []
    zoned: list[Output] = []
    if not since or frame.observed_at - since > state.settings.max_gap_ms:
        since = None
        state, tracked, zoned = end_tracks(state, cause, "GAP")
    state = replace(state, admission=state.admission.accepting(frame))
    state, seen, facts_of_zones = _track(state, cause, frame, detections, since)
    state, status = with_status(state, cause, "STREAMING")
    return state, [*tracked, *seen, *zoned, *facts_of_zones, *status]


def _track(
    state: CameraState, cause: Position, frame: FrameObserved, detections: tracker.Frame, since: int | None
) -> tuple[CameraState, list[Output], list[Output]]:
    """Track an accepted frame and fold what it shows into the zones."""
    tracks, found = tracker.update(state.tracker, detections, track_timeout_ms=state.settings.track_timeout_ms)
    layout, size = state.zones.layout, (frame.width, frame.height)
    matched, scores = detections.boxes[found.detection], detections.scores[found.detection]
    now = zones.sight(layout, frame.observed_at, found.track_no, matched, size)
    backlog = _backlog(layout, found, size)
    tentative_since = tracker.tentative_since(tracks)
    observed = facts.tracks_observed(
        cause, frame, layout, (now, matched, scores), backlog, tentative_since=tentative_since,
        accepted=state.admission.accepted, refused=state.admission.refused,
    )  # fmt: skip
    zone_state, seen = zones.observe(state.zones, [*(sighted for sighted, _, _ in backlog), now])
    zone_state, gone = zones.end(zone_state, exits(found.ended, "TIMEOUT"))
    zone_state = zones.watch(zone_state, frame.observed_at, since=since)
    zone_state, measured = zones.close(zone_state, frame.observed_at, tentative_since=tentative_since)
    ended = [facts.track_ended(cause, state.camera_id, track, "TIMEOUT") for track in found.ended]
    said = facts.zone_facts(cause, state.camera_id, layout, [*seen, *gone, *measured])
    return replace(state, tracker=tracks, zones=zone_state), [observed, *ended], list(said)


def _edge_status(state: CameraState, cause: Position, change: CameraStatusChanged) -> Step:
    """The edge lost the camera: in the log's order, so people end when last seen. Frames say when it is back."""
    if change.status in {"CONNECTING", "STREAMING"} or not state.settings.enabled:
        return state, []
    state, tracked, zoned = end_tracks(state, cause, "CAMERA_LOST")
    state, status = with_status(state, cause, "LOST", change.reason)
    return state, [*tracked, *zoned, *status]


def _silent(state: CameraState, cause: Position, silent: CameraSilent) -> Step:
    """No frame for a while: live status only, since frames may still be on their way."""
    if state.status != "STREAMING" or silent.last_seen_at < state.watermark:
        return state, []
    return with_status(state, cause, "SILENT")


def _backlog(layout: Layout, found: TrackedFrame, size: tuple[int, int]) -> list[tuple[Sighted, Floats, Floats]]:
    """Earlier observations of the tracks confirmed now, one sighting for each frame they were in."""
    sightings = []
    for moment, rows in groupby(
        range(len(found.backlog_track_no)), key=lambda row: int(found.backlog_observed_at[row])
    ):
        index = list(rows)
        boxes = found.backlog_boxes[index]
        sighted = zones.sight(layout, moment, found.backlog_track_no[index], boxes, size)
        sightings.append((sighted, boxes, found.backlog_scores[index]))
    return sightings


def _detections(frame: FrameObserved) -> tracker.Frame:
    if frame.width <= 0 or frame.height <= 0:
        raise MalformedFrameError(f"a frame of {frame.width} x {frame.height} pixels")
    if len(frame.boxes) != 4 * len(frame.scores) or len(frame.scores) % _BOX.itemsize:
        raise MalformedFrameError(f"{len(frame.boxes)} bytes of boxes do not fit {len(frame.scores)} bytes of scores")
    return tracker.Frame(
        frame.observed_at,
        np.frombuffer(frame.boxes, _BOX).astype(np.float64).reshape(-1, 4),
        np.frombuffer(frame.scores, _BOX).astype(np.float64),
        tracker.ScoreContract(frame.score_floor, frame.score_high, frame.score_birth, frame.low_only_ms),
        _looks(frame),
    )


def _looks(frame: FrameObserved) -> Floats | None:
    """The appearance vectors (n, d), if the edge gives any."""
    count = len(frame.scores) // _BOX.itemsize
    if not frame.appearance or not count:
        return None
    if len(frame.appearance) % count:
        raise MalformedFrameError(f"{len(frame.appearance)} bytes of appearance do not fit {count} boxes")
    return np.frombuffer(frame.appearance, np.uint8).astype(np.float64).reshape(count, -1)


def _which(frame: FrameObserved) -> str:
    return f"session {frame.session}, seq {frame.seq}, observed_at {frame.observed_at}"
