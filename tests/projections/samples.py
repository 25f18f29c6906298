"""A day in the life of a camera, in miniature: events for the projections' tests, built by hand."""

from typing import Any, TypeVar

from schemas.events import (
    BackloggedObservation,
    CameraConfigurationApplied,
    CameraConfigured,
    CameraStatusObserved,
    CommandRefused,
    Derived,
    Event,
    Fault,
    FramesLost,
    Line,
    LineCrossed,
    Position,
    RangeRestated,
    RecordRefused,
    RunAdopted,
    TrackEnded,
    TrackObservation,
    TracksObserved,
    TracksRestated,
    Zone,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
    ZoneMinutesRestated,
    ZonesDefined,
    ZoneVisitsRestated,
)
from stream_processors.projections.store import Appended

CAMERA = "entrance"
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
TRACK = NOON - 400
SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))

AnyDerived = TypeVar("AnyDerived", bound=Derived)


def at(offset: int, index: int = 0, *, epoch: int = 0) -> Position:
    """A place in the camera's log."""
    return Position(epoch=epoch, partition=0, offset=offset, index=index)


def appended(*events: Event, at: int = NOON) -> list[Appended]:
    """Events as a store is given them, all taken into their topic at the same time."""
    return [Appended(event, at) for event in events]


def _make(kind: type[AnyDerived], defaults: dict[str, Any], given: dict[str, Any]) -> AnyDerived:
    fields: dict[str, Any] = {"camera_id": CAMERA, "position": at(10)} | defaults | given
    return kind(**fields)


def seen(track_no: int = TRACK, *, x: float = 100.0, y: float = 50.0) -> TrackObservation:
    """A box 60 px wide and 200 px high."""
    return TrackObservation(track_no=track_no, x1=x, y1=y, x2=x + 60, y2=y + 200, score=0.82)


def seen_before(observed_at: int, track_no: int = TRACK) -> BackloggedObservation:
    """The same box, before the track was confirmed."""
    return BackloggedObservation(track_no=track_no, observed_at=observed_at, x1=80, y1=50, x2=140, y2=250, score=0.6)


def tracks_observed(**given: Any) -> TracksObserved:
    defaults = {
        "session": "s", "seq": 0, "observed_at": NOON, "width": 640, "height": 480, "zones_revision": 1, "tracks": (),
        "accepted": 1,
    }  # fmt: skip
    return _make(TracksObserved, defaults, given)


def track_ended(**given: Any) -> TrackEnded:
    defaults = {
        "track_no": TRACK, "started_at": NOON - 400, "ended_at": NOON + 5_000, "observations": 54, "reason": "TIMEOUT",
    }  # fmt: skip
    return _make(TrackEnded, defaults, given)


ENTRY: dict[str, Any] = {
    "track_no": TRACK, "zone_id": "desk", "zones_revision": 1, "entered_at": NOON + 150,
    "entered_at_min": NOON + 100, "entered_at_max": NOON + 200, "entry_reason": "CROSSED",
}  # fmt: skip
EXIT: dict[str, Any] = {
    "exited_at": NOON + 4_150, "exited_at_min": NOON + 4_100, "exited_at_max": None, "dwell_ms": 4_000,
    "exit_reason": "LEFT",
}  # fmt: skip


def zone_entered(**given: Any) -> ZoneEntered:
    return _make(ZoneEntered, ENTRY, given)


def zone_exited(**given: Any) -> ZoneExited:
    return _make(ZoneExited, ENTRY | EXIT, given)


def line_crossed(**given: Any) -> LineCrossed:
    defaults = {
        "track_no": TRACK, "line_id": "door", "zones_revision": 1, "crossed_at": NOON + 90, "crossed_at_min": NOON + 50,
        "crossed_at_max": NOON + 100, "direction": "ENTRY",
    }  # fmt: skip
    return _make(LineCrossed, defaults, given)


MEASURES = (
    "person_ms", "exclusive_person_ms", "occupied_ms", "observed_ms", "frames", "peak", "entries", "exits", "starts",
    "ends", "visits_closed", "dwell_ms_sum", "dwell_ms_max", "dwell_under_5s", "dwell_5s_15s", "dwell_15s_60s",
    "dwell_60s_300s", "dwell_from_300s",
)  # fmt: skip


def zone_minute(**given: Any) -> ZoneMinuteMeasured:
    defaults = dict.fromkeys(MEASURES, 0) | {
        "zone_id": "desk", "minute": NOON, "zones_revision": 1, "kind": "WORK", "observed_ms": 60_000, "frames": 600,
    }  # fmt: skip
    return _make(ZoneMinuteMeasured, defaults, given)


def camera_configured(**given: Any) -> CameraConfigured:
    defaults = {"command_id": "c-1", "revision": 1, "effective_at": NOON, "name": "Entrance", "site_id": "hq"}
    return _make(CameraConfigured, defaults, given)


def zones_defined(revision: int = 1, **given: Any) -> ZonesDefined:
    defaults = {
        "command_id": f"z-{revision}", "revision": revision, "effective_at": NOON + revision * 1_000,
        "zones": (Zone(zone_id="desk", name="Desk", kind="WORK", polygon=SQUARE, capacity=2),),
        "lines": (Line(line_id="door", name="Door", points=((0.0, 0.5), (1.0, 0.5))),),
    }  # fmt: skip
    return _make(ZonesDefined, defaults, given)


def status_observed(**given: Any) -> CameraStatusObserved:
    return _make(CameraStatusObserved, {"status": "STREAMING", "last_seen_at": NOON}, given)


def command_refused(**given: Any) -> CommandRefused:
    fault = Fault(code="POLYGON_CROSSES_ITSELF", path="zones[0].polygon", message="Draw it without crossing lines.")
    defaults = {"command_id": "c-9", "command": "DefineZones", "reason": "INVALID", "revision": 1, "faults": (fault,)}
    return _make(CommandRefused, defaults, given)


def record_refused(**given: Any) -> RecordRefused:
    return _make(RecordRefused, {"reason": "UNDECODABLE", "detail": "no frame"}, given)


def configuration_applied(**given: Any) -> CameraConfigurationApplied:
    return _make(CameraConfigurationApplied, {"revision": 1, "reported_at": NOON + 700}, given)


def frames_lost(**given: Any) -> FramesLost:
    defaults = {
        "session": "s", "first_seq": 7, "last_seq": 9, "records": 3, "first_observed_at": NOON - 900,
        "last_observed_at": NOON - 700, "dropped_at": NOON, "reason": "SPOOL_FULL",
    }  # fmt: skip
    return _make(FramesLost, defaults, given)


RANGE: dict[str, Any] = {"run_id": "run-1", "restatement": 1, "range_from": NOON, "range_to": NOON + 3_600_000}
MARKS: tuple[type[RangeRestated], ...] = (TracksRestated, ZoneVisitsRestated, ZoneMinutesRestated)


def restated(mark: type[RangeRestated] = ZoneVisitsRestated, **given: Any) -> RangeRestated:
    return _make(mark, RANGE, given)


def run_adopted(**given: Any) -> RunAdopted:
    return _make(RunAdopted, RANGE | {"command_id": "a-1", "fold_version": 1, "digest": "d1"}, given)
