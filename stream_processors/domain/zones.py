"""The zone part of a camera's fold: from who was seen where to visits, crossings and minutes.

Its input is what TracksObserved and TrackEnded say, so that history can be folded again under other zones without tracking.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.events import ExitReason, TrackEndReason
from stream_processors.domain import crossings, minutes, visits
from stream_processors.domain.crossings import Crossed, Cuts
from stream_processors.domain.definitions import Layout
from stream_processors.domain.geometry import Bools, Floats, Ints, anchors
from stream_processors.domain.minutes import Minute, MinuteState
from stream_processors.domain.visits import VisitChange, VisitState

Change = VisitChange | Crossed | Minute


@dataclass(frozen=True, slots=True)
class ZoneState:
    """All that the zone part remembers."""

    visits: VisitState = field(default_factory=VisitState.empty)
    cuts: Cuts = field(default_factory=dict)
    minutes: MinuteState = field(default_factory=MinuteState)

    @property
    def layout(self) -> Layout:
        """The zones and lines in force."""
        return self.minutes.layouts[-1]


@dataclass(frozen=True, slots=True)
class Sighted:
    """Tracks (n,) matched at one moment, ascending, their anchors (n, 2, 2), and the zones that hold them (n, z)."""

    observed_at: int
    track_no: Ints
    anchors: Floats
    contained: Bools


def sight(layout: Layout, observed_at: int, track_no: Ints, boxes: Floats, size: tuple[int, int]) -> Sighted:
    """Place detection boxes (n, 4), in pixels of a frame of `size` (width, height), in the zones of a layout."""
    places = anchors(boxes, *size)
    return Sighted(observed_at, track_no, places, layout.polygons.contain(places))


def observe(state: ZoneState, sighted: Iterable[Sighted]) -> tuple[ZoneState, list[Change]]:
    """Tracks were matched, in order of time: the earlier sightings of new tracks, then the frame itself."""
    changes: list[Change] = []
    seen, cuts, measured = state.visits, state.cuts, state.minutes
    for each in sighted:
        if not len(each.track_no):
            continue
        seen, movement = visits.move(seen, each.observed_at, each.track_no, each.anchors)
        seen, found = visits.observe(seen, state.layout, movement, each.contained)
        cuts, crossed = crossings.observe(cuts, state.layout, movement)
        measured = minutes.record(measured, found)
        changes += [*found, *crossed]
    return ZoneState(seen, cuts, measured), changes


def end(state: ZoneState, ended: Sequence[tuple[int, ExitReason]]) -> tuple[ZoneState, list[Change]]:
    """Tracks ended when last seen, and their visits with them."""
    if not ended:
        return state, []
    seen, found = visits.end(state.visits, state.layout, ended)
    cuts = crossings.end(state.cuts, {number for number, _ in ended})
    return ZoneState(seen, cuts, minutes.record(state.minutes, found)), list(found)


def exit_reason(reason: TrackEndReason) -> ExitReason:
    """Why a visit ends with its track."""
    return reason if reason in {"CAMERA_LOST", "DISABLED"} else "TRACK_ENDED"


def watch(state: ZoneState, observed_at: int, *, since: int | None) -> ZoneState:
    """A frame was accepted: the time from `since` on (None after a gap) was observed."""
    return ZoneState(state.visits, state.cuts, minutes.watch(state.minutes, observed_at, since=since))


def close(state: ZoneState, watermark: int, *, tentative_since: int | None) -> tuple[ZoneState, list[Change]]:
    """Measure the minutes that are final now: ended by the watermark, with nothing undecided in them."""
    if not minutes.is_due(state.minutes, watermark):
        return state, []
    undecided = visits.undecided_since(state.visits, watermark)
    undecided = min((each for each in (undecided, tentative_since) if each is not None), default=None)
    measured, closed = minutes.close(state.minutes, visits.still_open(state.visits), watermark, undecided)
    return ZoneState(state.visits, state.cuts, measured), list(closed)


def redefine(state: ZoneState, layout: Layout) -> tuple[ZoneState, list[Change]]:
    """Other zones and lines are in force from `layout.effective_at` on."""
    seen, found = visits.redefine(state.visits, state.layout, layout)
    cuts = crossings.redefine(state.cuts, state.layout, layout)
    measured = minutes.redefine(minutes.record(state.minutes, found), layout)
    return ZoneState(seen, cuts, measured), list(found)
