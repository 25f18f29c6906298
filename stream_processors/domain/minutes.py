"""Zone minutes: the visits of each UTC minute as integer milliseconds, emitted once, when nothing in them can change.

Over any range the sum of `person_ms` equals the overlap of visits with that range and with observed time: both are sums
over the same intervals, cut at minute borders.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from schemas.events import EntryReason, ExitReason, Zone
from stream_processors.domain.definitions import Layout
from stream_processors.domain.intervals import Interval, clip, intersect, most_at_once, subtract, total, union
from stream_processors.domain.presence import NEVER, Closed
from stream_processors.domain.visits import VisitChange

MINUTE_MS = 60_000
PRECEDENCE = {"WORK": 0, "QUEUE": 1, "REST": 2, "ENTRANCE": 3, "TRANSIT": 4, "RESTRICTED": 5, "OTHER": 6}
BANDS_MS = (5_000, 15_000, 60_000, 300_000)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as minutes need it; open while `exited_at` is None."""

    track_no: int
    zone_id: str
    entered_at: int
    entry_reason: EntryReason
    exited_at: int | None = None
    exit_reason: ExitReason | None = None


@dataclass(frozen=True, slots=True)
class MinuteState:
    """What the minutes not emitted yet are made of."""

    done_until: int = 0  # every minute that ends by then has been emitted
    observed: tuple[Interval, ...] = ()
    frames: dict[int, dict[int, int]] = field(default_factory=dict)  # by minute and revision
    layouts: tuple[Layout, ...] = (Layout(),)  # in force since `done_until`, the newest last
    closed: tuple[Visit, ...] = ()  # visits that ended after `done_until`


@dataclass(frozen=True, slots=True)
class Minute:
    """One zone in one minute under one revision; the fields of ZoneMinuteMeasured."""

    zone: Zone
    zones_revision: int
    minute: int
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
    dwell_ms: tuple[int, ...]  # of the visits closed in it

    def band(self, index: int) -> int:
        """How many of the visits closed fall into the dwell band `index`: below each of BANDS_MS, then above the last."""
        low = BANDS_MS[index - 1] if index else 0
        high = BANDS_MS[index] if index < len(BANDS_MS) else None
        return sum(low <= dwell and (high is None or dwell < high) for dwell in self.dwell_ms)


def watch(state: MinuteState, observed_at: int, *, since: int | None) -> MinuteState:
    """A frame was accepted; the time from `since` (None after a gap) to it was observed."""
    minute, revision = observed_at - observed_at % MINUTE_MS, state.layouts[-1].revision
    counts = state.frames.get(minute, {})
    frames = {**state.frames, minute: {**counts, revision: counts.get(revision, 0) + 1}}
    observed = _extended(state.observed, since, observed_at)
    return MinuteState(state.done_until, observed, frames, state.layouts, state.closed)


def record(state: MinuteState, changes: Iterable[VisitChange]) -> MinuteState:
    """Visits changed: keep those that closed. Who is inside still is asked when a minute is measured."""
    closed = [_visit(each) for each in changes if isinstance(each.change, Closed)]
    return replace(state, closed=(*state.closed, *closed)) if closed else state


def redefine(state: MinuteState, layout: Layout) -> MinuteState:
    """Other zones are in force."""
    return replace(state, layouts=(*state.layouts, layout))


def close(
    state: MinuteState, still_open: Iterable[VisitChange], watermark: int, undecided_since: int | None
) -> tuple[MinuteState, list[Minute]]:
    """Emit every minute that ended by the watermark and in which nothing is undecided."""
    final = watermark if undecided_since is None else min(watermark, undecided_since)
    horizon = final - final % MINUTE_MS
    touched = sorted(minute for minute in _touched(state) if minute < horizon)
    visits = [*state.closed, *map(_visit, still_open)] if touched else []
    minutes = [each for minute in touched for each in _measure(state, visits, minute)]
    return _forget(state, horizon), minutes


def is_due(state: MinuteState, watermark: int) -> bool:
    """Whether a minute has ended since the last one emitted; spares `close` on all other frames."""
    return watermark >= state.done_until + MINUTE_MS


def _extended(observed: tuple[Interval, ...], since: int | None, until: int) -> tuple[Interval, ...]:
    if since is None:
        return (*observed, (until, until))
    if observed and observed[-1][1] == since:
        return (*observed[:-1], (observed[-1][0], until))
    return (*observed, (since, until))


def _touched(state: MinuteState) -> set[int]:
    """Minutes that hold a frame or observed time; without either there is nothing to say."""
    spans = [range(start - start % MINUTE_MS, end, MINUTE_MS) for start, end in state.observed]
    return set(state.frames).union(*spans)


def _visit(each: VisitChange) -> Visit:
    entry, left = each.change.entry, each.change if isinstance(each.change, Closed) else None
    exited_at, reason = (left.exit.at, left.reason) if left is not None else (None, None)
    return Visit(each.track_no, each.zone_id, entry.moment.at, entry.reason, exited_at, reason)


def _measure(state: MinuteState, visits: Sequence[Visit], minute: int) -> Iterator[Minute]:
    """Each zone that there is something to say about, under each revision that was in force."""
    exclusive = _exclusive(state, visits, minute)
    by_zone: dict[str, list[Visit]] = {}
    for visit in visits:
        by_zone.setdefault(visit.zone_id, []).append(visit)
    for index, layout in enumerate(state.layouts):
        window = _window(state.layouts, index, minute)
        frames = state.frames.get(minute, {}).get(layout.revision, 0)
        observed = clip(state.observed, *window)
        for zone in sorted(layout.zones, key=lambda zone: zone.zone_id):
            mine = by_zone.get(zone.zone_id, [])
            begun = [visit for visit in mine if _falls(visit.entered_at, minute, state.layouts, visit, layout)]
            closed = [visit for visit in mine if _falls(visit.exited_at, minute, state.layouts, visit, layout)]
            if not (total(observed) or frames or begun or closed):
                continue
            present = [part for visit in mine for part in clip(observed, *_span(visit, window[1]))]
            crossed_in = sum(visit.entry_reason == "CROSSED" for visit in begun)
            left = sum(visit.exit_reason == "LEFT" for visit in closed)
            yield Minute(
                zone=zone,
                zones_revision=layout.revision,
                minute=minute,
                person_ms=total(present),
                exclusive_person_ms=total(intersect(exclusive.get(zone.zone_id, []), [window])),
                occupied_ms=total(union(present)),
                observed_ms=total(observed),
                frames=frames,
                peak=most_at_once(present),
                entries=crossed_in,
                exits=left,
                starts=len(begun) - crossed_in,
                ends=len(closed) - left,
                dwell_ms=tuple((visit.exited_at or 0) - visit.entered_at for visit in closed),
            )


def _exclusive(state: MinuteState, visits: Iterable[Visit], minute: int) -> Mapping[str, list[Interval]]:
    """Each person's time in the minute given to one zone only, by zone. Several people's intervals stand side by side."""
    given: dict[str, list[Interval]] = {}
    observed = clip(state.observed, minute, minute + MINUTE_MS)
    ranked = sorted(visits, key=lambda visit: (visit.track_no, _rank(state, visit, minute)))
    for _, theirs in groupby(ranked, key=lambda visit: visit.track_no):
        taken: list[Interval] = []
        for visit in theirs:
            free = subtract(clip(observed, *_span(visit, minute + MINUTE_MS)), taken)
            given.setdefault(visit.zone_id, []).extend(free)
            taken = union([*taken, *free])
    return given


def _rank(state: MinuteState, visit: Visit, minute: int) -> tuple[int, str, int]:
    """WORK first. A zone that changed its kind counts by the kind it has at the end of the minute."""
    kinds = [
        zone.kind
        for layout in state.layouts
        if layout.effective_at < minute + MINUTE_MS and (zone := layout.zone(visit.zone_id)) is not None
    ]
    return PRECEDENCE[kinds[-1]] if kinds else len(PRECEDENCE), visit.zone_id, visit.entered_at


def _span(visit: Visit, end: int) -> Interval:
    return visit.entered_at, end if visit.exited_at is None else visit.exited_at


def _window(layouts: tuple[Layout, ...], index: int, minute: int) -> Interval:
    """The part of the minute in which a layout is in force; empty when it was not."""
    start = max(minute, layouts[index].effective_at)
    end = min(minute + MINUTE_MS, layouts[index + 1].effective_at if index + 1 < len(layouts) else NEVER)
    return start, max(start, end)


def _falls(at: int | None, minute: int, layouts: tuple[Layout, ...], visit: Visit, layout: Layout) -> bool:
    """Whether a moment counts for this minute and layout: the latest that was in force then and knows the zone."""
    if at is None or not minute <= at < minute + MINUTE_MS:
        return False
    knowing = [each for each in layouts if each.zone(visit.zone_id) is not None]
    in_force = [each for each in knowing if each.effective_at <= at] or knowing[:1]
    return in_force[-1] is layout


def _forget(state: MinuteState, horizon: int) -> MinuteState:
    """Keep only what minutes from the horizon on can still need."""
    if horizon <= state.done_until:
        return state
    newest = max((i for i, layout in enumerate(state.layouts) if layout.effective_at < horizon), default=0)
    return MinuteState(
        done_until=horizon,
        observed=tuple((max(start, horizon), end) for start, end in state.observed if end >= horizon),
        frames={minute: counts for minute, counts in state.frames.items() if minute >= horizon},
        layouts=state.layouts[newest:],
        closed=tuple(visit for visit in state.closed if visit.exited_at is not None and visit.exited_at >= horizon),
    )
