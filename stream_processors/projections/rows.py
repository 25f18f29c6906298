"""From one event to the rows it means: pure functions, so that the read model is a repeatable function of the topics.

They know no database and no other event; which rows stay is decided by `rules`.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

from schemas.events import (
    BackloggedObservation,
    CameraConfigured,
    CameraEvent,
    CameraStatusObserved,
    CommandRefused,
    Derived,
    Event,
    Line,
    LineCrossed,
    Position,
    RecordRefused,
    TrackEnded,
    TrackObservation,
    TracksObserved,
    Zone,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
    ZonesDefined,
)
from stream_processors.projections import rules
from stream_processors.projections.errors import BadRowError
from stream_processors.projections.rules import Row, Rule

Change: TypeAlias = tuple[Rule, Row]

_EPOCH_STRIDE = 1 << 48
_SECOND_MS = 1_000
_FOOT_UNITS = 10_000


def rows_of(event: Event) -> list[Change]:
    """The rows of `event`, each with the rule it follows.

    Raises:
        BadRowError: the record is none of those projected, or holds numbers that make no row.
    """
    project = _PROJECTIONS.get(type(event))
    if project is None:
        raise BadRowError(f"{type(event).__name__} is not projected")
    try:
        return list(project(event))
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
    yield _row(rules.CAMERA_SEEN, event, last_seen_at=event.observed_at, refused=_json(event.refused))
    yield from _confirmed(event)
    for observation in event.backlog:
        yield _position(event, observation, observation.observed_at)
    seq, index = seq_of(event.position), event.position.index
    for track in event.tracks:
        yield rules.TRACK_SEEN, (event.camera_id, track.track_no, event.restatement, event.observed_at, seq, index)
        yield _position(event, track, event.observed_at)


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


def _position(event: TracksObserved, seen: TrackObservation, observed_at: int) -> Change:
    second, offset_ms = divmod(observed_at, _SECOND_MS)
    return rules.TRACK_POSITION, (
        event.camera_id,
        seen.track_no,
        second * _SECOND_MS,
        event.restatement,
        offset_ms,
        round((seen.x1 + seen.x2) / 2 / event.width * _FOOT_UNITS),
        round(min(max(seen.y2 / event.height, 0.0), 1.0) * _FOOT_UNITS),
        round(seen.x2 - seen.x1),
        round(seen.y2 - seen.y1),
        round(seen.score * 100),
    )


def _track_ended(event: TrackEnded) -> Iterator[Change]:
    yield _row(rules.TRACK_ENDED, event, last_seen_at=event.ended_at, end_reason=event.reason)


def _zone_entered(event: ZoneEntered) -> Iterator[Change]:
    yield _row(rules.ZONE_ENTERED, event)


def _zone_exited(event: ZoneExited) -> Iterator[Change]:
    yield _row(rules.ZONE_EXITED, event)


def _line_crossed(event: LineCrossed) -> Iterator[Change]:
    yield _row(rules.LINE_CROSSED, event)


def _zone_minute(event: ZoneMinuteMeasured) -> Iterator[Change]:
    yield _row(rules.ZONE_MINUTE, event)


def _camera_event(event: CameraEvent) -> Iterator[Change]:
    """Every record of camera-events is kept as it is: the history of configuration, and the answers to commands."""
    command_id = getattr(event, "command_id", None)
    yield _row(rules.CAMERA_EVENT, event, type=type(event).__name__, command_id=command_id, body=_json(event))


def _camera_configured(event: CameraConfigured) -> Iterator[Change]:
    yield from _camera_event(event)
    yield _row(rules.CAMERA_CONFIGURED, event)


def _camera_status(event: CameraStatusObserved) -> Iterator[Change]:
    yield from _camera_event(event)
    at = {"status_seq": seq_of(event.position), "status_seq_index": event.position.index}
    yield _row(rules.CAMERA_STATUS, event, status_reason=event.reason, **at)


def _zones_defined(event: ZonesDefined) -> Iterator[Change]:
    """The new revision, in force from here on, and the end of the one before."""
    yield from _camera_event(event)
    yield _row(rules.CAMERA_ZONED, event, zones_revision=event.revision)
    for zone in event.zones:
        yield _defined(rules.ZONE_DEFINED, event, zone, polygon=_json(zone.polygon))
    for line in event.lines:
        yield _defined(rules.LINE_DEFINED, event, line, points=_json(line.points))
    for superseded in (rules.ZONES_SUPERSEDED, rules.LINES_SUPERSEDED):
        yield _row(superseded, event, zones_revision=event.revision - 1, valid_to=event.effective_at)


def _defined(rule: Rule, event: ZonesDefined, shape: Zone | Line, **given: str) -> Change:
    return _row(
        rule,
        event,
        zones_revision=event.revision,
        valid_from=event.effective_at,
        **(msgspec.structs.asdict(shape) | given),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_PROJECTIONS: dict[type[Event], Callable[[Any], Iterator[Change]]] = {
    TracksObserved: _tracks_observed,
    TrackEnded: _track_ended,
    ZoneEntered: _zone_entered,
    ZoneExited: _zone_exited,
    LineCrossed: _line_crossed,
    ZoneMinuteMeasured: _zone_minute,
    CommandRefused: _camera_event,
    RecordRefused: _camera_event,
    CameraConfigured: _camera_configured,
    CameraStatusObserved: _camera_status,
    ZonesDefined: _zones_defined,
}
