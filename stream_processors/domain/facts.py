"""Words for what the fold decided: turns its changes into the events that are published."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

from schemas.events import (
    BackloggedObservation,
    Fact,
    FrameObserved,
    LineCrossed,
    Output,
    Position,
    TrackEnded,
    TrackEndReason,
    TrackObservation,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
)
from stream_processors.domain.crossings import Crossed
from stream_processors.domain.definitions import Layout
from stream_processors.domain.geometry import Floats
from stream_processors.domain.minutes import Minute
from stream_processors.domain.presence import Opened
from stream_processors.domain.tracker import EndedTrack
from stream_processors.domain.visits import VisitChange
from stream_processors.domain.zones import Change, Sighted


def numbered(outputs: Iterable[Output]) -> list[Output]:
    """Number the outputs of one cause from 0, in order."""
    return [each.numbered(index) for index, each in enumerate(outputs)]


def tracks_observed(
    cause: Position,
    frame: FrameObserved,
    layout: Layout,
    now: tuple[Sighted, Floats, Floats],
    backlog: Sequence[tuple[Sighted, Floats, Floats]],
    *,
    tentative_since: int | None,
    accepted: int,
    refused: dict[str, int],
) -> TracksObserved:
    """What the tracker made of `frame`; `now` and each of `backlog` are a sighting with its boxes (n, 4) and scores (n,)."""
    return TracksObserved(
        position=cause,
        camera_id=frame.camera_id,
        session=frame.session,
        seq=frame.seq,
        observed_at=frame.observed_at,
        width=frame.width,
        height=frame.height,
        gated=frame.gated,
        zones_revision=layout.revision,
        tracks=tuple(TrackObservation(**each) for each in _observations(layout, *now)),
        backlog=tuple(
            BackloggedObservation(observed_at=sighted.observed_at, **each)
            for sighted, boxes, scores in backlog
            for each in _observations(layout, sighted, boxes, scores)
        ),
        tentative_since=tentative_since,
        accepted=accepted,
        refused=refused,
    )


def track_ended(cause: Position, camera_id: str, track: EndedTrack, reason: TrackEndReason) -> TrackEnded:
    """A confirmed track ended."""
    return TrackEnded(
        position=cause,
        camera_id=camera_id,
        track_no=track.track_no,
        started_at=track.started_at,
        ended_at=track.ended_at,
        observations=track.observations,
        reason=reason,
    )


def zone_facts(cause: Position, camera_id: str, layout: Layout, changes: Iterable[Change]) -> list[Fact]:
    """Visits, crossings and minutes as events, under the layout in force."""
    return [_fact(cause, camera_id, layout.revision, change) for change in changes]


def _fact(cause: Position, camera_id: str, revision: int, change: Change) -> Fact:
    if isinstance(change, Minute):
        return _minute(cause, camera_id, change)
    if isinstance(change, Crossed):
        return _crossing(cause, camera_id, revision, change)
    return _visit(cause, camera_id, revision, change)


def _visit(cause: Position, camera_id: str, revision: int, each: VisitChange) -> ZoneEntered | ZoneExited:
    entry = each.change.entry
    assert entry.moment.latest is not None, "somebody was seen inside"
    begun: dict[str, Any] = {
        "position": cause,
        "camera_id": camera_id,
        "track_no": each.track_no,
        "zone_id": each.zone_id,
        "zones_revision": revision,
        "entered_at": entry.moment.at,
        "entered_at_min": entry.moment.earliest,
        "entered_at_max": entry.moment.latest,
        "entry_reason": entry.reason,
    }
    if isinstance(each.change, Opened):
        return ZoneEntered(**begun)
    left = each.change.exit
    assert left.earliest is not None, "somebody was seen inside"
    return ZoneExited(
        **begun,
        exited_at=left.at,
        exited_at_min=left.earliest,
        exited_at_max=left.latest,
        dwell_ms=left.at - entry.moment.at,
        exit_reason=each.change.reason,
    )


def _crossing(cause: Position, camera_id: str, revision: int, crossed: Crossed) -> LineCrossed:
    at = crossed.moment
    assert at.earliest is not None, "a cut lies between two matched frames"
    assert at.latest is not None, "a cut lies between two matched frames"
    return LineCrossed(
        position=cause,
        camera_id=camera_id,
        track_no=crossed.track_no,
        line_id=crossed.line_id,
        zones_revision=revision,
        crossed_at=at.at,
        crossed_at_min=at.earliest,
        crossed_at_max=at.latest,
        direction=crossed.direction,
    )


def _minute(cause: Position, camera_id: str, minute: Minute) -> ZoneMinuteMeasured:
    bands = [minute.band(index) for index in range(5)]
    return ZoneMinuteMeasured(
        position=cause,
        camera_id=camera_id,
        zone_id=minute.zone.zone_id,
        minute=minute.minute,
        zones_revision=minute.zones_revision,
        kind=minute.zone.kind,
        capacity=minute.zone.capacity,
        person_ms=minute.person_ms,
        exclusive_person_ms=minute.exclusive_person_ms,
        occupied_ms=minute.occupied_ms,
        observed_ms=minute.observed_ms,
        frames=minute.frames,
        peak=minute.peak,
        entries=minute.entries,
        exits=minute.exits,
        starts=minute.starts,
        ends=minute.ends,
        visits_closed=len(minute.dwell_ms),
        dwell_ms_sum=sum(minute.dwell_ms),
        dwell_ms_max=max(minute.dwell_ms, default=0),
        dwell_under_5s=bands[0],
        dwell_5s_15s=bands[1],
        dwell_15s_60s=bands[2],
        dwell_60s_300s=bands[3],
        dwell_from_300s=bands[4],
    )


def _observations(layout: Layout, sighted: Sighted, boxes: Floats, scores: Floats) -> Iterator[dict[str, Any]]:
    """The fields of one observation a track."""
    names = [zone.zone_id for zone in layout.zones]
    columns = (sighted.track_no, boxes, scores, sighted.contained)
    for number, (x1, y1, x2, y2), score, contained in zip(*(column.tolist() for column in columns), strict=True):
        zone_ids = tuple(compress(names, contained))
        yield {"track_no": number, "x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": score, "zone_ids": zone_ids}
