"""From one event to the rows it means: pure functions, so that the read model is a repeatable function of the topics.

They know no database and no other event; which rows stay is decided by `rules`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from schemas.events import (
    BackloggedObservation,
    CameraConfigurationApplied,
    CameraConfigured,
    CameraEvent,
    CameraStatusObserved,
    CommandRefused,
    Derived,
    Event,
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
from schemas.topics import topic_of
from stream_processors.projections import rules
from stream_processors.projections.errors import BadRowError
from stream_processors.projections.rules import Row, Rule

Change: TypeAlias = tuple[Rule, Row]

_EPOCH_STRIDE = 1 << 48
_SECOND_MS = 1_000
_FOOT_UNITS = 10_000


def rows_of(event: Event, appended_at: int) -> list[Change]:
    """The rows of `event`, which was appended to its topic at that time (UTC ms), each with the rule it follows.

    Raises:
        BadRowError: the record is none of those projected, or holds numbers that make no row.
    """
    project = _PROJECTIONS.get(type(event))
    if project is None:
        raise BadRowError(f"{type(event).__name__} is not projected")
    try:
        return list(project(event, appended_at) if isinstance(event, RangeRestated) else project(event))
    except (ArithmeticError, ValueError) as error:
        raise BadRowError(f"{type(event).__name__} of camera {event.camera_id!r}: {error}") from error


def seq_of(position: Position) -> int:
    """The cause's place in the camera's log as one number that grows over epochs."""
    return position.epoch * _EPOCH_STRIDE + position.offset


def _row(rule: Rule, event: Derived, **given: Any) -> Change:
    """A row of the event's fields of the same names; `given` names what is called otherwise."""
    given |= {"seq": seq_of(event.position), "seq_index": event.position.index}
    return rule, tuple(given[column] if column in given else getattr(event, column) for column in rule.types)


def _tracks_observed(event: TracksObserved) -> Iterator[Change]:
    if not event.restatement:
        yield _row(rules.CAMERA_SEEN, event, last_seen_at=event.observed_at, refused=_json(event.refused))
    yield from _confirmed(event)
    position_of = _positions(event)
    for observation in event.backlog:
        yield position_of(observation, observation.observed_at)
    camera_id, restatement, observed_at = event.camera_id, event.restatement, event.observed_at
    seq, index = seq_of(event.position), event.position.index
    for track in event.tracks:
        yield rules.TRACK_SEEN, (camera_id, track.track_no, restatement, observed_at, seq, index)
        yield position_of(track, observed_at)


def _confirmed(event: TracksObserved) -> Iterator[Change]:
    """A track's backlog comes once, when it is confirmed, and begins with its first detection."""
    firsts: dict[int, BackloggedObservation] = {}
    for observation in event.backlog:
        firsts.setdefault(observation.track_no, observation)
    for track_no, first in firsts.items():
        yield _row(
            rules.TRACK_CONFIRMED,
            event,
            track_no=track_no,
            started_at=first.observed_at,
            last_seen_at=event.observed_at,
            observations=0,
        )


def _positions(event: TracksObserved) -> Callable[[TrackObservation, int], Change]:
    """How an observation of this frame becomes a row: most rows are made here, so what they share is looked up once."""
    rule, camera_id, restatement = rules.TRACK_POSITION, event.camera_id, event.restatement
    width, height = event.width, event.height

    def position(seen: TrackObservation, observed_at: int) -> Change:
        offset_ms = observed_at % _SECOND_MS
        x1, x2, y2 = seen.x1, seen.x2, seen.y2
        return rule, (
            camera_id,
            seen.track_no,
            observed_at - offset_ms,
            restatement,
            offset_ms,
            round((x1 + x2) / 2 / width * _FOOT_UNITS),
            round(min(max(y2 / height, 0.0), 1.0) * _FOOT_UNITS),
            round(x2 - x1),
            round(y2 - seen.y1),
            round(seen.score * 100),
        )

    return position


def _track_ended(event: TrackEnded) -> Iterator[Change]:
    yield _row(rules.TRACK_ENDED, event, last_seen_at=event.ended_at, end_reason=event.reason)


def _zone_entered(event: ZoneEntered) -> Iterator[Change]:
    yield _row(rules.ZONE_ENTERED, event)
    yield _row(rules.VISIT_BEGUN, event, entered_seq=seq_of(event.position), entered_seq_index=event.position.index)


def _zone_exited(event: ZoneExited) -> Iterator[Change]:
    yield _row(rules.ZONE_EXITED, event)


def _line_crossed(event: LineCrossed) -> Iterator[Change]:
    yield _row(rules.LINE_CROSSED, event)


def _zone_minute(event: ZoneMinuteMeasured) -> Iterator[Change]:
    yield _row(rules.ZONE_MINUTE, event)


def _range_restated(event: RangeRestated, appended_at: int) -> Iterator[Change]:
    yield _row(rules.RANGE_RESTATED, event, topic=topic_of(type(event).__name__), restated_at=appended_at)


def _camera_event(event: CameraEvent) -> Iterator[Change]:
    """Every record of camera-events is kept as it is: the history of configuration, and the answers to commands."""
    command_id = getattr(event, "command_id", None)
    yield _row(rules.CAMERA_EVENT, event, type=type(event).__name__, command_id=command_id, body=_json(event))


def _camera_configured(event: CameraConfigured) -> Iterator[Change]:
    yield from _camera_event(event)
    yield _row(rules.CAMERA_CONFIGURED, event, masks=_json(event.masks))


def _configuration_applied(event: CameraConfigurationApplied) -> Iterator[Change]:
    yield from _camera_event(event)
    at = {"applied_seq": seq_of(event.position), "applied_seq_index": event.position.index}
    applied = {"applied_revision": event.revision, "applied_error": event.error, "applied_at": event.reported_at}
    yield _row(rules.CAMERA_APPLIED, event, **applied, **at)


def _frames_lost(event: FramesLost) -> Iterator[Change]:
    yield from _camera_event(event)
    yield _row(rules.FRAMES_LOST, event)


def _camera_status(event: CameraStatusObserved) -> Iterator[Change]:
    yield from _camera_event(event)
    at = {"status_seq": seq_of(event.position), "status_seq_index": event.position.index}
    yield _row(rules.CAMERA_STATUS, event, status_reason=event.reason, **at)


def _zones_defined(event: ZonesDefined) -> Iterator[Change]:
    """The new revision, in force from here on, and the end of the one before."""
    yield from _camera_event(event)
    yield _row(rules.CAMERA_ZONED, event, zones_revision=event.revision)
    yield from _in_force(event, [*event.zones, *event.lines], event.revision, event.effective_at)
    yield from _superseded(event, event.revision - 1, event.effective_at)


def _run_adopted(event: RunAdopted) -> Iterator[Change]:
    """Other zones of a run are in force in its range, under a revision of their own below zero."""
    yield from _camera_event(event)
    yield from _in_force(event, [*(event.zones or ()), *(event.lines or ())], -event.restatement, event.range_from)
    yield from _superseded(event, -event.restatement, event.range_to)


def _in_force(event: Derived, shapes: Iterable[Zone | Line], zones_revision: int, valid_from: int) -> Iterator[Change]:
    for shape in shapes:
        own = {"zones_revision": zones_revision, "valid_from": valid_from, **msgspec.structs.asdict(shape)}
        if isinstance(shape, Zone):
            yield _row(rules.ZONE_DEFINED, event, **own | {"polygon": _json(shape.polygon)})
        else:
            yield _row(rules.LINE_DEFINED, event, **own | {"points": _json(shape.points)})


def _superseded(event: Derived, zones_revision: int, valid_to: int) -> Iterator[Change]:
    for rule in (rules.ZONES_SUPERSEDED, rules.LINES_SUPERSEDED):
        yield _row(rule, event, zones_revision=zones_revision, valid_to=valid_to)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_PROJECTIONS: dict[type[Event], Callable[..., Iterator[Change]]] = {
    TracksObserved: _tracks_observed,
    TrackEnded: _track_ended,
    ZoneEntered: _zone_entered,
    ZoneExited: _zone_exited,
    LineCrossed: _line_crossed,
    ZoneMinuteMeasured: _zone_minute,
    TracksRestated: _range_restated,
    ZoneVisitsRestated: _range_restated,
    ZoneMinutesRestated: _range_restated,
    CommandRefused: _camera_event,
    RecordRefused: _camera_event,
    RunAdopted: _run_adopted,
    CameraConfigured: _camera_configured,
    CameraConfigurationApplied: _configuration_applied,
    FramesLost: _frames_lost,
    CameraStatusObserved: _camera_status,
    ZonesDefined: _zones_defined,
}
