"""The zone part of a camera's fold over what was published, without tracking: for other zones, or the same ones again.

Its input are the tracks, and the camera events that define zones, configure, lose or disable the camera: all that one record of
the log caused at a time. With the zones of then it gives the facts of then, byte for byte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from schemas.events import (
    BackloggedObservation,
    CameraConfigured,
    CameraStatusObserved,
    Fact,
    Position,
    TrackEnded,
    TrackObservation,
    TracksObserved,
    ZonesDefined,
)
from stream_processors.domain import facts, zones
from stream_processors.domain.zones import Change, Sighted, ZoneState

Cause = TracksObserved | TrackEnded | ZonesDefined | CameraConfigured | CameraStatusObserved


@dataclass(frozen=True, slots=True)
class ZoneReplayState:
    """All that is remembered between two records of the log."""

    camera_id: str
    max_gap_ms: int = 2_000
    watermark: int = 0
    tentative_since: int | None = None
    zones: ZoneState = field(default_factory=ZoneState)


def step_zones(state: ZoneReplayState, published: Sequence[Cause]) -> tuple[ZoneReplayState, list[Fact]]:
    """Fold what one record of the log caused, in the order it was published; returns the facts of zones and lines."""
    layout, changes = state.zones.layout, list[Change]()
    ended = [each for each in published if isinstance(each, TrackEnded)]
    if _ends_all(state, published):
        state, found = _end_all(state, ended)
        changes += found
    for each in published:
        match each:
            case TracksObserved():
                state, found = _observe(state, each, [track for track in ended if track.reason == "TIMEOUT"])
                changes += found
            case ZonesDefined():
                zone_state, found = zones.redefine(
                    state.zones, state.zones.layout.succeeded_by(each.effective_at, each.zones, each.lines)
                )
                state, measured = _close(replace(state, zones=zone_state))
                changes += [*found, *measured]
            case CameraConfigured():
                state = replace(state, max_gap_ms=each.max_gap_ms)
            case TrackEnded() | CameraStatusObserved():
                pass  # taken together above
    tracked = sum(isinstance(each, TracksObserved | TrackEnded) for each in published)
    said = facts.zone_facts(published[0].position, state.camera_id, layout, changes) if changes else []
    return state, [each.numbered(index) for index, each in enumerate(said, start=tracked)]


def causes(published: Iterable[Cause]) -> Iterable[Sequence[Cause]]:
    """The published events of a camera, in order of their positions, by the record of the log that caused them."""
    return (list(several) for _, several in groupby(published, key=lambda each: _record(each.position)))


def _record(position: Position) -> tuple[int, int, int]:
    return position.epoch, position.partition, position.offset


def _ends_all(state: ZoneReplayState, published: Sequence[Cause]) -> bool:
    """Whether every track ended with this record: after a gap, or with the camera lost or disabled."""
    return any(
        (isinstance(each, TracksObserved) and _is_gap(state, each.observed_at))
        or (isinstance(each, CameraStatusObserved) and each.status in {"LOST", "DISABLED"})
        for each in published
    )


def _is_gap(state: ZoneReplayState, observed_at: int) -> bool:
    return not state.watermark or observed_at - state.watermark > state.max_gap_ms


def _end_all(state: ZoneReplayState, ended: Sequence[TrackEnded]) -> tuple[ZoneReplayState, list[Change]]:
    gone = [(track.track_no, zones.exit_reason(track.reason)) for track in ended if track.reason != "TIMEOUT"]
    zone_state, changes = zones.end(state.zones, gone)
    state, measured = _close(replace(state, zones=zone_state, tentative_since=None))
    return state, [*changes, *measured]


def _observe(
    state: ZoneReplayState, frame: TracksObserved, timed_out: Sequence[TrackEnded]
) -> tuple[ZoneReplayState, list[Change]]:
    since = None if _is_gap(state, frame.observed_at) else state.watermark
    backlog = groupby(frame.backlog, key=lambda each: each.observed_at)
    early = [_sighted(state, moment, list(seen), frame) for moment, seen in backlog]
    zone_state, seen = zones.observe(state.zones, [*early, _sighted(state, frame.observed_at, frame.tracks, frame)])
    zone_state, gone = zones.end(zone_state, [(track.track_no, "TRACK_ENDED") for track in timed_out])
    zone_state = zones.watch(zone_state, frame.observed_at, since=since)
    state = replace(state, zones=zone_state, watermark=frame.observed_at, tentative_since=frame.tentative_since)
    state, measured = _close(state)
    return state, [*seen, *gone, *measured]


def _close(state: ZoneReplayState) -> tuple[ZoneReplayState, list[Change]]:
    zone_state, measured = zones.close(state.zones, state.watermark, tentative_since=state.tentative_since)
    return replace(state, zones=zone_state), measured


def _sighted(
    state: ZoneReplayState,
    moment: int,
    seen: Sequence[TrackObservation | BackloggedObservation],
    frame: TracksObserved,
) -> Sighted:
    numbers = np.array([each.track_no for each in seen], dtype=np.int64)
    boxes = np.array([(each.x1, each.y1, each.x2, each.y2) for each in seen], dtype=np.float64).reshape(-1, 4)
    return zones.sight(state.zones.layout, moment, numbers, boxes, (frame.width, frame.height))
