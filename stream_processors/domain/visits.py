"""Zone visits of all tracks of one camera. Pure: every function returns a new state.

Finds the few (track, zone) pairs in which something may change, and lets `presence` decide them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from schemas.events import ExitReason, Zone
from stream_processors.domain import presence
from stream_processors.domain.definitions import Layout, anchor_of, outline
from stream_processors.domain.geometry import Bools, Floats, Ints, last_crossing
from stream_processors.domain.movement import UNSEEN, Movement
from stream_processors.domain.presence import NEVER, Change, Opened, Presence

Cells: TypeAlias = dict[int, dict[str, Presence]]


@dataclass(frozen=True, slots=True)
class VisitChange:
    """A visit of `track_no` in `zone` opened or closed."""

    track_no: int
    zone_id: str
    change: Change


@dataclass(frozen=True, slots=True)
class VisitState:
    """Where each live track was last seen, and its presence in each zone; one row a track, one column a zone."""

    track_no: Ints  # (t,) ascending
    anchors: Floats  # (t, 2, 2)
    seen_at: Ints  # (t,)
    inside: Bools  # (t, z)
    deadline: Ints  # (t, z)
    cells: Cells

    @classmethod
    def empty(cls, zones: int = 0) -> "VisitState":
        """Nobody has been seen."""
        return cls(
            np.empty(0, np.int64),
            np.empty((0, 2, 2)),
            np.empty(0, np.int64),
            np.empty((0, zones), np.bool_),
            np.empty((0, zones), np.int64),
            {},
        )


def move(state: VisitState, observed_at: int, track_no: Ints, anchors: Floats) -> tuple[VisitState, Movement]:
    """Where tracks (n,), ascending, matched at `observed_at` came from; adds a row for each seen for the first time."""
    row = state.track_no.searchsorted(track_no)
    new = track_no[row == len(state.track_no)]  # numbers only grow
    if len(new):
        state = _with_rows(state, new)
        row = state.track_no.searchsorted(track_no)
    return state, Movement(
        observed_at, track_no, row, state.seen_at.take(row), state.anchors.take(row, axis=0), anchors
    )


def observe(
    state: VisitState, layout: Layout, movement: Movement, contained: Bools
) -> tuple[VisitState, list[VisitChange]]:
    """Tracks moved, and the zones `contained` (n, z) hold them now."""
    row, now = movement.row, movement.observed_at
    attention = (contained != state.inside.take(row, axis=0)) | (state.deadline.take(row, axis=0) <= now)
    cells, deadline, changes = state.cells, state.deadline, list[VisitChange]()
    if attention.any():
        cells, deadline = dict(cells), deadline.copy()
    for index, column in zip(*(each.tolist() for each in attention.nonzero()), strict=True):
        zone, number = layout.zones[column], int(movement.track_no[index])
        mine = cells.get(number, {})
        inside, since = bool(contained[index, column]), layout.zone_since[column]
        cell, found = _decide(mine.get(zone.zone_id), zone, movement, index, inside=inside, since=since)
        cells[number] = _with_cell(mine, zone.zone_id, cell)
        deadline[row[index], column] = NEVER if cell is None else presence.deadline(cell, zone)
        changes += [VisitChange(number, zone.zone_id, change) for change in found]
    anchors, seen_at, inside_now = state.anchors.copy(), state.seen_at.copy(), state.inside.copy()
    anchors[row], seen_at[row], inside_now[row] = movement.after, now, contained
    return VisitState(state.track_no, anchors, seen_at, inside_now, deadline, cells), changes


def end(
    state: VisitState, layout: Layout, ended: Iterable[tuple[int, ExitReason]]
) -> tuple[VisitState, list[VisitChange]]:
    """Tracks ended: their visits end when they were last seen."""
    reasons = dict(ended)
    changes = [
        VisitChange(number, zone.zone_id, change)
        for number in sorted(reasons)
        for zone, cell in _zones_of(state.cells.get(number, {}), layout)
        for change in presence.end(cell, zone, _seen_at(state, number), reasons[number])
    ]
    keep = ~np.isin(state.track_no, list(reasons))
    cells = {number: zones for number, zones in state.cells.items() if number not in reasons}
    return _rows(state, keep, cells), changes


def redefine(state: VisitState, old: Layout, new: Layout) -> tuple[VisitState, list[VisitChange]]:
    """Other zones from `new.effective_at` on: visits close where a person is outside the new shape, others carry on."""
    contained = new.polygons.contain(state.anchors)
    changes: list[VisitChange] = []
    cells: Cells = {}
    for row, number in enumerate(state.track_no.tolist()):
        inside = dict(zip((zone.zone_id for zone in new.zones), contained[row].tolist(), strict=True))
        cells[number], found = _redraw(state.cells.get(number, {}), old, inside, int(state.seen_at[row]), new)
        changes += [VisitChange(number, zone_id, change) for zone_id, change in found]
    return _with_columns(state, new, contained, cells), changes


def still_open(state: VisitState) -> Iterator[VisitChange]:
    """The visits that have opened and not closed yet, as they were opened."""
    return (
        VisitChange(number, zone_id, Opened(cell.visit))
        for number, zones in state.cells.items()
        for zone_id, cell in zones.items()
        if cell.visit is not None
    )


def undecided_since(state: VisitState, watermark: int) -> int | None:
    """The earliest moment not decided yet: a track lost since, or a stay or absence that may still be too short."""
    lost = state.seen_at[state.seen_at < watermark]
    pending = [
        cell.since.at
        for row, number in enumerate(state.track_no.tolist())
        if (state.deadline[row] < NEVER).any()
        for cell in state.cells[number].values()
        if cell.visit is None or not cell.inside
    ]
    return min([*lost.tolist(), *pending], default=None)


def _decide(
    cell: Presence | None, zone: Zone, movement: Movement, index: int, *, inside: bool, since: int
) -> presence.Verdict:
    now = movement.observed_at
    changes: list[Change] = []
    if movement.is_first(index):
        cell = presence.first_seen(now, since) if inside else None
    elif inside != (cell is not None and cell.inside):
        where = last_crossing(movement.path(index, anchor_of(zone)), zone.polygon, entering=inside)
        cell, changes = presence.cross(cell, zone, movement.moment(index, where, since=since))
    if cell is None:
        return None, changes
    settled, more = presence.settle(cell, zone, now)
    return settled, [*changes, *more]


def _redraw(
    cells: dict[str, Presence], old: Layout, inside: dict[str, bool], seen_at: int, new: Layout
) -> tuple[dict[str, Presence], list[tuple[str, Change]]]:
    same = {zone.zone_id for zone in new.zones if (was := old.zone(zone.zone_id)) and outline(was) == outline(zone)}
    kept = {zone_id: cell for zone_id, cell in cells.items() if zone_id in same}
    found: list[tuple[str, Change]] = []
    redrawn = {zone.zone_id: zone for zone in (*new.zones, *old.zones) if zone.zone_id not in same}
    for zone in redrawn.values():  # as it was, if it was: what is over is decided by the old rules
        cell, changes = presence.redraw(
            cells.get(zone.zone_id), zone, inside=inside.get(zone.zone_id, False), seen_at=seen_at, now=new.effective_at
        )
        found += [(zone.zone_id, change) for change in changes]
        if cell is not None:
            kept[zone.zone_id] = cell
    return kept, found


def _with_rows(state: VisitState, new: Ints) -> VisitState:
    """A row more for each of these tracks, which were never seen before."""
    zones = state.inside.shape[1]
    return VisitState(
        np.concatenate([state.track_no, new]),
        np.concatenate([state.anchors, np.zeros((len(new), 2, 2))]),
        np.concatenate([state.seen_at, np.full(len(new), UNSEEN, np.int64)]),
        np.concatenate([state.inside, np.zeros((len(new), zones), np.bool_)]),
        np.concatenate([state.deadline, np.full((len(new), zones), NEVER, np.int64)]),
        state.cells,
    )


def _rows(state: VisitState, keep: Bools, cells: Cells) -> VisitState:
    return VisitState(
        state.track_no[keep], state.anchors[keep], state.seen_at[keep], state.inside[keep], state.deadline[keep], cells
    )


def _with_columns(state: VisitState, layout: Layout, contained: Bools, cells: Cells) -> VisitState:
    deadline = np.full(contained.shape, NEVER, np.int64)
    for row, number in enumerate(state.track_no.tolist()):
        for column, zone in enumerate(layout.zones):
            if (cell := cells[number].get(zone.zone_id)) is not None:
                deadline[row, column] = presence.deadline(cell, zone)
    return replace(state, inside=contained, deadline=deadline, cells={n: zones for n, zones in cells.items() if zones})


def _with_cell(cells: dict[str, Presence], zone_id: str, cell: Presence | None) -> dict[str, Presence]:
    rest = {name: other for name, other in cells.items() if name != zone_id}
    return rest if cell is None else {**rest, zone_id: cell}


def _zones_of(cells: dict[str, Presence], layout: Layout) -> Iterator[tuple[Zone, Presence]]:
    return ((zone, cells[zone.zone_id]) for zone in layout.zones if zone.zone_id in cells)


def _seen_at(state: VisitState, track_no: int) -> int:
    return int(state.seen_at[np.searchsorted(state.track_no, track_no)])
