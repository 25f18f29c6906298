"""Directed crossings of counting lines: a track's path cuts the segment and the new side is held for `min_stay_ms`.

One flicker across and back is no crossing. Pure: the cuts that wait to be held are all there is to remember.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from schemas.events import Direction, Line
from stream_processors.domain.definitions import Layout, anchor_of, outline
from stream_processors.domain.geometry import meeting
from stream_processors.domain.movement import UNSEEN, Movement
from stream_processors.domain.presence import Moment


@dataclass(frozen=True, slots=True)
class Cut:
    """A track's path cut a line; it counts once the new side has been held long enough."""

    moment: Moment
    to_right: bool


Turn: TypeAlias = tuple[Cut, bool]  # whether it went through the segment
Cuts: TypeAlias = dict[int, dict[str, Cut]]  # by track and line


@dataclass(frozen=True, slots=True)
class Crossed:
    """A crossing that counts."""

    track_no: int
    line_id: str
    moment: Moment
    direction: Direction


def observe(cuts: Cuts, layout: Layout, movement: Movement) -> tuple[Cuts, list[Crossed]]:
    """Tracks moved; returns the cuts that wait now and the crossings that count."""
    if not layout.lines:
        return cuts, []
    is_right = layout.segments.right(movement.after)
    turned = (layout.segments.right(movement.before) != is_right) & (movement.seen_at != UNSEEN)[:, None]
    left, found, moved = dict(cuts), list[Crossed](), turned.any(axis=1).tolist()
    for index, number in enumerate(movement.track_no.tolist()):
        if not moved[index] and number not in cuts:
            continue
        waiting = left.pop(number, {})
        for column, line in enumerate(layout.lines):
            to_right = bool(is_right[index, column])
            turn = _turn(movement, index, line, to_right=to_right) if turned[index, column] else None
            cut, counted = _after(waiting.get(line.line_id), turn, line, movement.observed_at)
            found += [_crossed(number, line, each) for each in counted]
            if cut is not None:
                left.setdefault(number, {})[line.line_id] = cut
    return left, found


def end(cuts: Cuts, ended: Collection[int]) -> Cuts:
    """Tracks ended; a cut that was not held by then never counts."""
    return {number: each for number, each in cuts.items() if number not in ended}


def redefine(cuts: Cuts, old: Layout, new: Layout) -> Cuts:
    """Other lines: cuts of lines that stayed as they were go on waiting."""
    before = {line.line_id: outline(line) for line in old.lines}
    same = {line.line_id for line in new.lines if before.get(line.line_id) == outline(line)}
    kept = {number: {name: cut for name, cut in each.items() if name in same} for number, each in cuts.items()}
    return {number: each for number, each in kept.items() if each}


def _turn(movement: Movement, index: int, line: Line, *, to_right: bool) -> Turn:
    """The change of sides in a step, and whether it went through the segment or round its end."""
    met = meeting(movement.path(index, anchor_of(line)), (line.points[0], line.points[1]))
    on_path, on_line = met or (1.0, -1.0)  # parallel by rounding only
    return Cut(movement.moment(index, on_path), to_right), 0 <= on_line <= 1


def _after(cut: Cut | None, turn: Turn | None, line: Line, now: int) -> tuple[Cut | None, list[Cut]]:
    """The cut that waits after a step that ended at `now`, and those that were held long enough."""
    if turn is None:
        return (cut, []) if cut is None or now - cut.moment.at < line.min_stay_ms else (None, [cut])
    new, through = turn
    if cut is not None and new.moment.at - cut.moment.at < line.min_stay_ms:
        return None, []  # back before it counted: neither way happened
    waits, counted = _after(new if through else None, None, line, now)
    return waits, [cut, *counted] if cut is not None else counted


def _crossed(track_no: int, line: Line, cut: Cut) -> Crossed:
    return Crossed(track_no, line.line_id, cut.moment, "ENTRY" if cut.to_right else "EXIT")
