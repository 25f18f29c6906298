"""One camera's fold: `step(state, entry) -> (state, outputs)`, the only way a record of its log changes anything.

A pure function: no clock, no randomness, no setting of the process. An error leaves the caller with the state it had.
Outputs of one cause are numbered over all topics: first what tracking says, then zones, then the camera itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from schemas.events import (
    CameraConfigured,
    CameraSettings,
    CameraSilent,
    CameraStatus,
    CameraStatusChanged,
    CameraStatusObserved,
    Command,
    CommandRefused,
    ConfigureCamera,
    DefineZones,
    ExitReason,
    Fault,
    FrameObserved,
    LogRecord,
    Output,
    Position,
    RecordRefused,
    TrackEndReason,
    ZonesDefined,
)
from stream_processors.domain import facts, tracker, zones
from stream_processors.domain.definitions import Layout, faults, text_faults
from stream_processors.domain.geometry import Floats
from stream_processors.domain.refusals import Admission
from stream_processors.domain.tracker import EndedTrack, TrackedFrame, TrackerState
from stream_processors.domain.zones import Sighted, ZoneState

FOLD_VERSION = 1
REMEMBERED_COMMANDS = 1_000
_EXIT_REASON: dict[TrackEndReason, ExitReason] = {"CAMERA_LOST": "CAMERA_LOST", "DISABLED": "DISABLED"}
_BOX = np.dtype("<f4")


class MalformedFrameError(ValueError):
    """A frame whose parts do not fit together; it can never be folded."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A record of the log, where it stands, and when the broker appended it (UTC ms; None offline)."""

    position: Position
    appended_at: int | None
    record: LogRecord


@dataclass(frozen=True, slots=True)
class CameraState:
    """All that a camera's fold remembers between two records."""

    camera_id: str
    settings: CameraSettings = field(default_factory=CameraSettings)
    settings_revision: int = 0
    status: CameraStatus = "OTHER"
    commands: tuple[str, ...] = ()
    admission: Admission = field(default_factory=Admission)
    tracker: TrackerState = field(default_factory=TrackerState.empty)
    zones: ZoneState = field(default_factory=ZoneState)

    @property
    def watermark(self) -> int:
        """The last accepted `observed_at`; 0 before the first frame."""
        return self.admission.watermark


Step = tuple[CameraState, list[Output]]


def step(state: CameraState, entry: LogEntry) -> Step:
    """Fold one record of the camera's log.

    Raises:
        MalformedFrameError: a frame whose boxes, scores or size make no sense.
    """
    cause, record = entry.position, entry.record
    match record:
        case FrameObserved():
            state, outputs = _frame(state, cause, record, entry.appended_at)
        case ConfigureCamera() | DefineZones():
            state, outputs = _command(state, cause, record)
        case CameraStatusChanged():
            state, outputs = _edge_status(state, cause, record)
        case CameraSilent():
            state, outputs = _silent(state, cause, record)
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
        state, tracked, zoned = _end_tracks(state, cause, "GAP")
    state = replace(state, admission=state.admission.accepting(frame))
    state, seen, facts_of_zones = _track(state, cause, frame, detections, since)
    state, status = _with_status(state, cause, "STREAMING")
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
    zone_state, gone = zones.end(zone_state, _exits(found.ended, "TIMEOUT"))
    zone_state = zones.watch(zone_state, frame.observed_at, since=since)
    zone_state, measured = zones.close(zone_state, frame.observed_at, tentative_since=tentative_since)
    ended = [facts.track_ended(cause, state.camera_id, track, "TIMEOUT") for track in found.ended]
    said = facts.zone_facts(cause, state.camera_id, layout, [*seen, *gone, *measured])
    return replace(state, tracker=tracks, zones=zone_state), [observed, *ended], list(said)


def _command(state: CameraState, cause: Position, command: ConfigureCamera | DefineZones) -> Step:
    if command.command_id in state.commands:
        return state, []
    state = replace(state, commands=(*state.commands, command.command_id)[-REMEMBERED_COMMANDS:])
    match command:
        case ConfigureCamera():
            revision, found = state.settings_revision, tuple(text_faults("name", command.name, command.site_id))
        case DefineZones():
            revision, found = state.zones.layout.revision, faults(command.zones, command.lines)
    if command.expected_revision not in {None, revision}:
        return state, [_refused(cause, command, revision, ())]
    if found:
        return state, [_refused(cause, command, revision, found)]
    return (
        _configure(state, cause, command)
        if isinstance(command, ConfigureCamera)
        else _define_zones(state, cause, command)
    )


def _configure(state: CameraState, cause: Position, command: ConfigureCamera) -> Step:
    settings = CameraSettings(
        name=command.name,
        site_id=command.site_id,
        enabled=command.enabled,
        max_gap_ms=command.max_gap_ms,
        track_timeout_ms=command.track_timeout_ms,
    )
    disabled = state.settings.enabled and not settings.enabled
    enabled = settings.enabled and not state.settings.enabled
    state = replace(state, settings=settings, settings_revision=state.settings_revision + 1)
    configured = CameraConfigured(
        position=cause,
        camera_id=state.camera_id,
        command_id=command.command_id,
        issued_by=command.issued_by,
        revision=state.settings_revision,
        effective_at=state.watermark,
        name=settings.name,
        site_id=settings.site_id,
        enabled=settings.enabled,
        max_gap_ms=settings.max_gap_ms,
        track_timeout_ms=settings.track_timeout_ms,
    )
    tracked: list[Output] = []
    zoned: list[Output] = []
    status: list[Output] = []
    if disabled:
        state, tracked, zoned = _end_tracks(state, cause, "DISABLED")
        state, status = _with_status(state, cause, "DISABLED")
    elif enabled:
        state, status = _with_status(state, cause, "OTHER")
    return state, [*tracked, *zoned, configured, *status]


def _define_zones(state: CameraState, cause: Position, command: DefineZones) -> Step:
    before = state.zones.layout
    layout = before.succeeded_by(state.watermark, command.zones, command.lines)
    zone_state, changes = zones.redefine(state.zones, layout)
    tentative_since = tracker.tentative_since(state.tracker)
    zone_state, measured = zones.close(zone_state, state.watermark, tentative_since=tentative_since)
    defined = ZonesDefined(
        position=cause,
        camera_id=state.camera_id,
        command_id=command.command_id,
        issued_by=command.issued_by,
        revision=layout.revision,
        effective_at=layout.effective_at,
        zones=layout.zones,
        lines=layout.lines,
    )
    said = facts.zone_facts(cause, state.camera_id, before, [*changes, *measured])
    return replace(state, zones=zone_state), [*said, defined]


def _edge_status(state: CameraState, cause: Position, change: CameraStatusChanged) -> Step:
    """The edge lost the camera: in the log's order, so people end when last seen. Frames say when it is back."""
    if change.status in {"CONNECTING", "STREAMING"} or not state.settings.enabled:
        return state, []
    state, tracked, zoned = _end_tracks(state, cause, "CAMERA_LOST")
    state, status = _with_status(state, cause, "LOST", change.reason)
    return state, [*tracked, *zoned, *status]


def _silent(state: CameraState, cause: Position, silent: CameraSilent) -> Step:
    """No frame for a while: live status only, since frames may still be on their way."""
    if state.status != "STREAMING" or silent.last_seen_at < state.watermark:
        return state, []
    return _with_status(state, cause, "SILENT")


def _end_tracks(
    state: CameraState, cause: Position, reason: TrackEndReason
) -> tuple[CameraState, list[Output], list[Output]]:
    """Every track ends when last seen; returns the records of tracks and of zones."""
    tracks, ended = tracker.end_all(state.tracker)
    zone_state, changes = zones.end(state.zones, _exits(ended, reason))
    zone_state, measured = zones.close(zone_state, state.watermark, tentative_since=None)
    said = facts.zone_facts(cause, state.camera_id, state.zones.layout, [*changes, *measured])
    records = [facts.track_ended(cause, state.camera_id, track, reason) for track in ended]
    return replace(state, tracker=tracks, zones=zone_state), list(records), list(said)


def _with_status(state: CameraState, cause: Position, status: CameraStatus, reason: str = "") -> Step:
    if status == state.status:
        return state, []
    changed = CameraStatusObserved(
        position=cause, camera_id=state.camera_id, status=status, last_seen_at=state.watermark, reason=reason
    )
    return replace(state, status=status), [changed]


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


def _exits(ended: Iterable[EndedTrack], reason: TrackEndReason) -> Sequence[tuple[int, ExitReason]]:
    return [(track.track_no, _EXIT_REASON.get(reason, "TRACK_ENDED")) for track in ended]


def _refused(cause: Position, command: Command, revision: int, found: tuple[Fault, ...]) -> CommandRefused:
    return CommandRefused(
        position=cause,
        camera_id=command.camera_id,
        command_id=command.command_id,
        command=type(command).__name__,
        reason="INVALID" if found else "REVISION_CONFLICT",
        revision=revision,
        faults=found,
    )


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
    )


def _which(frame: FrameObserved) -> str:
    return f"session {frame.session}, seq {frame.seq}, observed_at {frame.observed_at}"
