"""The records of Aforo's topics as frozen types: what `schemas/avro/*.avsc` say, field by field.

The Avro files are the published contract and explain every field; a test holds this module against them.
Times are UTC milliseconds of event time unless a name says otherwise. Nothing here knows Kafka or Avro.
"""

from typing import Annotated, Literal, Self, TypeAlias

import msgspec

NonNegative = Annotated[int, msgspec.Meta(ge=0)]

TimeSource: TypeAlias = Literal["RTCP", "ARRIVAL", "FILE", "DEVICE"]
EdgeStatus: TypeAlias = Literal["CONNECTING", "STREAMING", "STALLED", "BACKOFF", "STOPPED"]
CameraStatus: TypeAlias = Literal["STREAMING", "SILENT", "LOST", "DISABLED", "OTHER"]
ZoneKind: TypeAlias = Literal["WORK", "REST", "TRANSIT", "QUEUE", "ENTRANCE", "RESTRICTED", "OTHER"]
Anchor: TypeAlias = Literal["FOOT", "CENTRE"]
EntryReason: TypeAlias = Literal["CROSSED", "TRACK_STARTED", "ZONE_CHANGED", "OTHER"]
ExitReason: TypeAlias = Literal["LEFT", "TRACK_ENDED", "CAMERA_LOST", "ZONE_CHANGED", "DISABLED", "OTHER"]
TrackEndReason: TypeAlias = Literal["TIMEOUT", "GAP", "CAMERA_LOST", "DISABLED", "OTHER"]
Direction: TypeAlias = Literal["ENTRY", "EXIT"]
CommandRefusal: TypeAlias = Literal["REVISION_CONFLICT", "INVALID", "OTHER"]
Refusal: TypeAlias = Literal[
    "UNDECODABLE", "UNKNOWN_SCHEMA", "UNSIGNED", "EXPIRED", "POISON", "WRONG_KEY", "QUARANTINED",
    "DUPLICATE", "LATE", "FUTURE", "DISABLED", "OTHER",
]  # fmt: skip
DropReason: TypeAlias = Literal["SPOOL_FULL", "SPOOL_AGE", "SPOOL_DAMAGED", "OTHER"]
Point: TypeAlias = tuple[float, float]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a record; compared by value."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """A record of a topic. As JSON it carries its record name in `type`."""

    camera_id: str


class Position(Value, frozen=True, kw_only=True, order=True):
    """The cause of a derived record in the camera's log; ordered by (epoch, partition, offset, index)."""

    epoch: int
    partition: int
    offset: int
    index: int


class Zone(Value, frozen=True, kw_only=True):
    """A named polygon in which stays are measured; points are 0..1 of the frame."""

    zone_id: str
    name: str
    kind: ZoneKind
    polygon: tuple[Point, ...]
    anchor: Anchor = "FOOT"
    min_stay_ms: NonNegative = 500
    grace_ms: NonNegative = 2_000
    capacity: NonNegative | None = None


class Line(Value, frozen=True, kw_only=True):
    """A counting segment; points are 0..1 of the frame."""

    line_id: str
    name: str
    points: tuple[Point, ...]
    anchor: Anchor = "FOOT"
    min_stay_ms: NonNegative = 500


class Fault(Value, frozen=True, kw_only=True):
    """One thing to mend in a refused command."""

    code: str
    path: str
    message: str


class TrackObservation(Value, frozen=True, kw_only=True):
    """One track matched to one detection; box in unclipped pixels."""

    track_no: int
    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    zone_ids: tuple[str, ...] = ()


class BackloggedObservation(TrackObservation, frozen=True, kw_only=True):
    """An earlier observation of a track that was confirmed only now."""

    observed_at: int


# --- the camera's log -------------------------------------------------------------------------------------------------


class FrameObserved(Event, frozen=True, kw_only=True):
    """One frame the edge looked at; `boxes` and `scores` are packed little-endian float32, (n, 4) and (n,).

    `appearance` is empty or (n, d) uint8.
    """

    session: str
    seq: int
    observed_at: int
    time_source: TimeSource = "ARRIVAL"
    width: int
    height: int
    model: str = ""
    score_floor: float = 0.1
    score_high: float = 0.6
    score_birth: float = 0.7
    low_only_ms: int = 5_000
    gated: bool = False
    boxes: bytes
    scores: bytes
    skipped: dict[str, int] = {}
    appearance: bytes = b""


class CameraStatusChanged(Event, frozen=True, kw_only=True):
    """The edge's connection to the camera changed its state."""

    session: str | None = None
    changed_at: int
    status: EdgeStatus
    reason: str = "OTHER"
    detail: str = ""


class CameraSilent(Event, frozen=True, kw_only=True):
    """The watchdog has seen no frame for a while; live status only."""

    last_seen_at: int
    noticed_at: int


class Command(Event, frozen=True, kw_only=True):
    """What the API asks of a camera's fold; signed in its headers (schemas/signing.py)."""

    command_id: str
    expected_revision: int | None = None
    issued_by: str = ""


class CameraSettings(Value, frozen=True, kw_only=True):
    """How a camera's log is folded; the defaults hold for a camera that was never configured."""

    name: str = ""
    site_id: str = "default"
    enabled: bool = True
    max_gap_ms: NonNegative = 2_000
    track_timeout_ms: NonNegative = 2_000


class ConfigureCamera(Command, frozen=True, kw_only=True):
    """Command: fold this camera with these settings from here on."""

    name: str = ""
    site_id: str = "default"
    enabled: bool = True
    max_gap_ms: NonNegative = 2_000
    track_timeout_ms: NonNegative = 2_000
    source: str = ""
    credentials: str = ""
    target_fps: float | None = None
    masks: tuple[tuple[Point, ...], ...] = ()


class DefineZones(Command, frozen=True, kw_only=True):
    """Command: these are all zones and lines of the camera from here on."""

    zones: tuple[Zone, ...]
    lines: tuple[Line, ...] = ()


class AdoptRun(Command, frozen=True, kw_only=True):
    """Command: the numbers of a replay run take the place of the published ones in [range_from, range_to)."""

    run_id: str
    range_from: int
    range_to: int
    fold_version: int
    digest: str
    zones: tuple[Zone, ...] | None = None
    lines: tuple[Line, ...] | None = None
    track_timeout_ms: NonNegative | None = None
    max_gap_ms: NonNegative | None = None


class EdgeConfigurationReported(Event, frozen=True, kw_only=True):
    """The edge says which configuration of a camera it runs, or why it cannot."""

    revision: int
    reported_at: int
    error: str = ""


class FramesDropped(Event, frozen=True, kw_only=True):
    """The edge gave up records of a camera that it could not deliver."""

    session: str = ""
    first_seq: int | None = None
    last_seq: int | None = None
    records: int
    first_observed_at: int | None = None
    last_observed_at: int | None = None
    dropped_at: int
    reason: DropReason


# --- what the fold says -----------------------------------------------------------------------------------------------


class Derived(Event, frozen=True, kw_only=True):
    """A record the fold derived from one record of the log; `position` names the cause."""

    position: Position

    @classmethod
    def answering(cls, record: Event, position: Position, **more: int) -> Self:
        """The event that repeats every field it shares with `record`, its cause at `position`."""
        shared = {name: getattr(record, name) for name in cls.__struct_fields__ if hasattr(record, name)}
        return cls(position=position, **(shared | more))

    def numbered(self, index: int) -> Self:
        """The same record as the `index`-th effect of its cause."""
        return msgspec.structs.replace(self, position=msgspec.structs.replace(self.position, index=index))


class TracksObserved(Derived, frozen=True, kw_only=True):
    """What the tracker made of one accepted frame."""

    session: str
    seq: int
    observed_at: int
    width: int
    height: int
    gated: bool = False
    zones_revision: int
    tracks: tuple[TrackObservation, ...]
    backlog: tuple[BackloggedObservation, ...] = ()
    tentative_since: int | None = None
    accepted: int = 0
    refused: dict[str, int] = {}
    restatement: int = 0


class TrackEnded(Derived, frozen=True, kw_only=True):
    """A confirmed track ended when it was last seen."""

    track_no: int
    started_at: int
    ended_at: int
    observations: int
    reason: TrackEndReason
    restatement: int = 0


class ZoneVisitEvent(Derived, frozen=True, kw_only=True):
    """The beginning of a zone visit, shared by its entry and its exit record."""

    track_no: int
    zone_id: str
    zones_revision: int
    entered_at: int
    entered_at_min: int | None = None
    entered_at_max: int
    entry_reason: EntryReason
    restatement: int = 0


class ZoneEntered(ZoneVisitEvent, frozen=True, kw_only=True):
    """A zone visit began."""


class ZoneExited(ZoneVisitEvent, frozen=True, kw_only=True):
    """A zone visit ended; complete in itself."""

    exited_at: int
    exited_at_min: int
    exited_at_max: int | None = None
    dwell_ms: int
    exit_reason: ExitReason


class LineCrossed(Derived, frozen=True, kw_only=True):
    """A track crossed a counting line and held the new side."""

    track_no: int
    line_id: str
    zones_revision: int
    crossed_at: int
    crossed_at_min: int
    crossed_at_max: int
    direction: Direction
    restatement: int = 0


class ZoneMinuteMeasured(Derived, frozen=True, kw_only=True):
    """One zone, UTC minute and zones revision; final."""

    zone_id: str
    minute: int
    zones_revision: int
    kind: ZoneKind
    capacity: int | None = None
    person_ms: int
    exclusive_person_ms: int
    occupied_ms: int
    observed_ms: int
    frames: int
    peak: int
    entries: int
    exits: int
    starts: int
    ends: int
    visits_closed: int
    dwell_ms_sum: int
    dwell_ms_max: int
    dwell_under_5s: int
    dwell_5s_15s: int
    dwell_15s_60s: int
    dwell_60s_300s: int
    dwell_from_300s: int
    restatement: int = 0


class CameraConfigured(Derived, frozen=True, kw_only=True):
    """The settings in force from here on."""

    command_id: str
    issued_by: str = ""
    revision: int
    effective_at: int
    name: str = ""
    site_id: str = "default"
    enabled: bool = True
    max_gap_ms: int = 2_000
    track_timeout_ms: int = 2_000
    source: str = ""
    credentials: str = ""
    target_fps: float | None = None
    masks: tuple[tuple[Point, ...], ...] = ()


class ZonesDefined(Derived, frozen=True, kw_only=True):
    """The zones and lines in force from here on."""

    command_id: str
    issued_by: str = ""
    revision: int
    effective_at: int
    zones: tuple[Zone, ...]
    lines: tuple[Line, ...] = ()


class CommandRefused(Derived, frozen=True, kw_only=True):
    """The fold refused a command; nothing changed."""

    command_id: str
    command: str
    reason: CommandRefusal
    revision: int
    faults: tuple[Fault, ...] = ()


class RecordRefused(Derived, frozen=True, kw_only=True):
    """A record of the log that was not folded; its own position."""

    reason: Refusal
    detail: str = ""


class CameraStatusObserved(Derived, frozen=True, kw_only=True):
    """A camera's live status changed."""

    status: CameraStatus
    last_seen_at: int
    reason: str = ""


class CameraConfigurationApplied(Derived, frozen=True, kw_only=True):
    """The edge took up a camera's configuration, or said why it cannot."""

    revision: int
    reported_at: int
    error: str = ""


class FramesLost(Derived, frozen=True, kw_only=True):
    """The edge gave up records of a camera before they reached its log."""

    session: str = ""
    first_seq: int | None = None
    last_seq: int | None = None
    records: int
    first_observed_at: int | None = None
    last_observed_at: int | None = None
    dropped_at: int
    reason: DropReason


class RunAdopted(Derived, frozen=True, kw_only=True):
    """A replay run is adopted: its facts follow under this restatement."""

    command_id: str
    issued_by: str = ""
    run_id: str
    restatement: int
    range_from: int
    range_to: int
    fold_version: int
    digest: str
    zones: tuple[Zone, ...] | None = None
    lines: tuple[Line, ...] | None = None
    track_timeout_ms: NonNegative | None = None
    max_gap_ms: NonNegative | None = None


class RangeRestated(Derived, frozen=True, kw_only=True):
    """All facts of a restatement stand before this record in its topic: lower ones in [range_from, range_to) are void."""

    run_id: str
    restatement: int
    range_from: int
    range_to: int


class TracksRestated(RangeRestated, frozen=True, kw_only=True):
    """The mark in the topic of tracks."""


class ZoneVisitsRestated(RangeRestated, frozen=True, kw_only=True):
    """The mark in the topic of zone visits."""


class ZoneMinutesRestated(RangeRestated, frozen=True, kw_only=True):
    """The mark in the topic of zone minutes."""


class CameraSnapshot(Event, frozen=True, kw_only=True):
    """The fold's state after a record: where recovery or a replay may begin."""

    format: int
    fold_version: int
    epoch: int
    partition: int
    next_offset: int
    watermark: int
    state: bytes


LogCommand: TypeAlias = ConfigureCamera | DefineZones | AdoptRun
LogRecord: TypeAlias = (
    FrameObserved | CameraStatusChanged | CameraSilent | LogCommand | EdgeConfigurationReported | FramesDropped
)
CameraEvent: TypeAlias = (
    CameraConfigured
    | ZonesDefined
    | RunAdopted
    | CommandRefused
    | RecordRefused
    | CameraStatusObserved
    | CameraConfigurationApplied
    | FramesLost
)
Fact: TypeAlias = TracksObserved | TrackEnded | ZoneEntered | ZoneExited | LineCrossed | ZoneMinuteMeasured
Output: TypeAlias = Fact | CameraEvent
Restated: TypeAlias = TracksRestated | ZoneVisitsRestated | ZoneMinutesRestated
Record: TypeAlias = LogRecord | Output | Restated | CameraSnapshot

RECORDS: dict[str, type[Event]] = {
    record.__name__: record
    for record in (
        FrameObserved, CameraStatusChanged, CameraSilent, ConfigureCamera, DefineZones, AdoptRun,
        EdgeConfigurationReported, FramesDropped,
        TracksObserved, TrackEnded, ZoneEntered, ZoneExited, LineCrossed, ZoneMinuteMeasured,
        CameraConfigured, ZonesDefined, CommandRefused, RecordRefused, CameraStatusObserved,
        CameraConfigurationApplied, FramesLost, RunAdopted,
        TracksRestated, ZoneVisitsRestated, ZoneMinutesRestated, CameraSnapshot,
    )
}  # fmt: skip
