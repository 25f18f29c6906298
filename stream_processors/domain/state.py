"""What one camera's fold remembers between two records, and the changes that frames, commands and status share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from schemas.events import (
    CameraSettings,
    CameraStatus,
    CameraStatusObserved,
    ExitReason,
    Output,
    Position,
    TrackEndReason,
)
from stream_processors.domain import facts, tracker, zones
from stream_processors.domain.refusals import Admission
from stream_processors.domain.tracker import EndedTrack, TrackerState
from stream_processors.domain.zones import ZoneState


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
    restatements: int = 0

    @property
    def watermark(self) -> int:
        """The last accepted `observed_at`; 0 before the first frame."""
        return self.admission.watermark


Step = tuple[CameraState, list[Output]]


def end_tracks(
    state: CameraState, cause: Position, reason: TrackEndReason
) -> tuple[CameraState, list[Output], list[Output]]:
    """Every track ends when last seen; returns the records of tracks and of zones."""
    tracks, ended = tracker.end_all(state.tracker)
    zone_state, changes = zones.end(state.zones, exits(ended, reason))
    zone_state, measured = zones.close(zone_state, state.watermark, tentative_since=None)
    said = facts.zone_facts(cause, state.camera_id, state.zones.layout, [*changes, *measured])
    records = [facts.track_ended(cause, state.camera_id, track, reason) for track in ended]
    return replace(state, tracker=tracks, zones=zone_state), list(records), list(said)


def with_status(state: CameraState, cause: Position, status: CameraStatus, reason: str = "") -> Step:
    """The camera's live status, said when it changes."""
    if status == state.status:
        return state, []
    changed = CameraStatusObserved(
        position=cause, camera_id=state.camera_id, status=status, last_seen_at=state.watermark, reason=reason
    )
    return replace(state, status=status), [changed]


def exits(ended: Iterable[EndedTrack], reason: TrackEndReason) -> Sequence[tuple[int, ExitReason]]:
    """The tracks that ended, and why their visits do."""
    return [(track.track_no, zones.exit_reason(reason)) for track in ended]
