"""What the fold must say, worked out another way: exact fractions, whole runs of time, and one cell for every millisecond.

Knows nothing of how the fold does it; slow and plain on purpose.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from schemas.events import Line, Point, TracksObserved, Zone, ZoneExited, ZonesDefined

Milliseconds = npt.NDArray[np.bool_]
Sample = tuple[int, Point]  # a moment, and where somebody was matched
PRECEDENCE = ["WORK", "QUEUE", "REST", "ENTRANCE", "TRANSIT", "RESTRICTED", "OTHER"]
MINUTE = 60_000


def holds(polygon: Sequence[Point], point: Point) -> bool:
    """Point in polygon by winding number in exact fractions; the border is inside, what is beside the frame is not."""
    if not 0 <= point[0] <= 1:
        return False
    x, y = Fraction(point[0]), Fraction(point[1])
    corners = [(Fraction(a) - x, Fraction(b) - y) for a, b in polygon]
    winding = 0
    for (x1, y1), (x2, y2) in pairwise([*corners, corners[0]]):
        turn = x1 * y2 - x2 * y1
        if turn == 0 and x1 * x2 <= 0 and y1 * y2 <= 0:
            return True
        if y1 <= 0 < y2 and turn > 0:
            winding += 1
        if y2 <= 0 < y1 and turn < 0:
            winding -= 1
    return winding != 0


def is_simple(polygon: Sequence[Point]) -> bool:
    """Whether any two edges share no point but the corner that neighbours have in common, in exact fractions."""
    edges = list(pairwise([*polygon, polygon[0]]))
    last = len(edges) - 1
    for i, first in enumerate(edges):
        for j, second in enumerate(edges[i + 1 :], start=i + 1):
            corners = {_exact(second[0])} if j == i + 1 else {_exact(first[0])} if (i, j) == (0, last) else set()
            if not _shared(first, second) <= corners:
                return False
    return True


def change_of_sides(start: Point, end: Point, polygon: Sequence[Point]) -> Fraction:
    """Where on the way from start to end the side on which it ends begins: cut the way at every edge, look at each piece."""
    wanted = holds(polygon, end)
    cuts = {Fraction(0), Fraction(1)}
    for corner, following in pairwise([*polygon, polygon[0]]):
        cuts |= _meeting(start, end, corner, following)
    stops = sorted(cuts)
    begins = Fraction(1)
    for a, b in reversed(list(pairwise(stops))):
        if _holds_exactly(polygon, _on(start, end, (a + b) / 2)) != wanted:
            break
        begins = a
        if a and _holds_exactly(polygon, _on(start, end, a)) != wanted:
            break
    return begins


def moment(start: int, end: int, where: Fraction) -> int:
    """To the nearest millisecond."""
    return start + int((end - start) * float(where) + 0.5)


@dataclass(frozen=True)
class Run:
    """An uninterrupted stay or absence."""

    inside: bool
    start: int
    seen_before: int | None  # last matched frame on the other side
    seen_after: int
    end: int
    next_seen: int | None  # first matched frame on the other side again


def runs(samples: Sequence[Sample], polygon: Sequence[Point]) -> list[Run]:
    """The stays and absences of a track that was last seen in the last sample."""
    sides = [holds(polygon, point) for _, point in samples]
    borders: list[tuple[int, int | None, int]] = [(samples[0][0], None, samples[0][0])]
    turns = [index for index in range(1, len(samples)) if sides[index] != sides[index - 1]]
    for index in turns:
        (t1, p1), (t2, p2) = samples[index - 1], samples[index]
        borders.append((moment(t1, t2, change_of_sides(p1, p2, polygon)), t1, t2))
    ends = [(start, after) for start, _, after in borders[1:]] + [(samples[-1][0], None)]
    return [
        Run(sides[first], start, before, after, end, following)
        for first, (start, before, after), (end, following) in zip([0, *turns], borders, ends, strict=True)
    ]


def border_moments(path: Sequence[Sample], polygon: Sequence[Point]) -> list[Fraction]:
    """Every moment at which somebody who walks straight from sample to sample is on the border."""
    edges = list(pairwise([*polygon, polygon[0]]))
    return [
        t1 + (t2 - t1) * where
        for (t1, p1), (t2, p2) in pairwise(path)
        for a, b in edges
        for where in _meeting(p1, p2, a, b)
    ]


def visits(samples: Sequence[Sample], zone: Zone, reason: str = "TRACK_ENDED") -> list[dict[str, object]]:
    """A visit begins with a long stay and lasts over short absences: S(aS|as)*, written over the runs."""
    found: list[dict[str, object]] = []
    track = runs(samples, zone.polygon)
    for match in re.finditer("S(?:a[sS])*", "".join(_letter(run, zone) for run in track)):
        first, last = track[match.start()], track[match.end() - 1]
        left = last.next_seen is not None
        found.append(
            {
                "entered_at": first.start,
                "entered_at_min": first.seen_before,
                "entered_at_max": first.seen_after,
                "entry_reason": "TRACK_STARTED" if first.seen_before is None else "CROSSED",
                "exited_at": last.end,
                "exited_at_min": _last_seen_in(samples, last),
                "exited_at_max": last.next_seen,
                "exit_reason": "LEFT" if left else reason,
            }
        )
    return found


def crossings(samples: Sequence[Sample], line: Line) -> list[tuple[int, str]]:
    """A flicker there and back cancels itself; of the rest count those through the segment that were held."""
    (ax, ay), (bx, by) = ((Fraction(x), Fraction(y)) for x, y in line.points)
    turns: list[tuple[int, bool, str]] = []
    for (t1, p1), (t2, p2) in pairwise(samples):
        d1, d2 = (_side(line, Fraction(x), Fraction(y)) for x, y in (p1, p2))
        if (d1 >= 0) == (d2 >= 0):
            continue
        where = d1 / (d1 - d2)
        x, y = _on(p1, p2, where)
        along = (x - ax) * (bx - ax) + (y - ay) * (by - ay)
        through = 0 <= along <= (bx - ax) ** 2 + (by - ay) ** 2
        turns.append((moment(t1, t2, where), through, "ENTRY" if d2 >= 0 else "EXIT"))
    found, index = [], 0
    while index < len(turns):
        at, through, direction = turns[index]
        until = turns[index + 1][0] if index + 1 < len(turns) else samples[-1][0]
        held = until - at >= line.min_stay_ms
        if through and held:
            found.append((at, direction))
        index += 2 if through and not held else 1
    return found


def minutes(
    visited: Iterable[ZoneExited],
    frames: Sequence[TracksObserved],
    defined: Sequence[ZonesDefined],
    max_gap_ms: int = 2_000,
) -> dict[tuple[int, str, int], dict[str, int]]:
    """Zone minutes by painting: an array with a cell for each ms, one for the observed time and one for each person."""
    base = frames[0].observed_at // MINUTE * MINUTE
    length = frames[-1].observed_at - base + MINUTE
    observed = np.zeros(length, bool)
    for a, b in pairwise(each.observed_at - base for each in frames):
        observed[a:b] = b - a <= max_gap_ms
    touched = {
        at // MINUTE * MINUTE for at in [*observed.nonzero()[0].tolist(), *(each.observed_at - base for each in frames)]
    }
    painting = _Painting(base, observed, list(visited), frames, defined)
    found = {}
    for index, definition in enumerate(defined):
        for start in (minute for minute in range(0, length - MINUTE, MINUTE) if minute in touched):
            for zone in definition.zones:
                numbers = painting.measure(index, zone, start)
                if any(numbers.values()):
                    found[base + start, zone.zone_id, definition.revision] = numbers
    return found


class _Painting:
    def __init__(
        self,
        base: int,
        observed: Milliseconds,
        visited: list[ZoneExited],
        frames: Sequence[TracksObserved],
        defined: Sequence[ZonesDefined],
    ) -> None:
        self.base, self.observed, self.visited, self.frames, self.defined = base, observed, visited, frames, defined

    def measure(self, index: int, zone: Zone, start: int) -> dict[str, int]:
        definition = self.defined[index]
        until = self.defined[index + 1].effective_at - self.base if index + 1 < len(self.defined) else start + MINUTE
        here = np.zeros(MINUTE, bool)
        here[max(definition.effective_at - self.base - start, 0) : max(until - start, 0)] = True
        here &= self.observed[start : start + MINUTE]
        mine = [visit for visit in self.visited if visit.zone_id == zone.zone_id]
        occupancy = np.zeros(MINUTE, int)
        for visit in mine:
            occupancy[self._during(visit, start)] += 1
        occupancy *= here
        begun = [visit for visit in mine if self._counts(visit.entered_at, zone, start) == index]
        closed = [visit for visit in mine if self._counts(visit.exited_at, zone, start) == index]
        return {
            "person_ms": int(occupancy.sum()),
            "exclusive_person_ms": sum(self._owned(track, zone.zone_id, here, start) for track in self._tracks()),
            "occupied_ms": int((occupancy > 0).sum()),
            "observed_ms": int(here.sum()),
            "peak": int(occupancy.max()),
            "frames": sum(
                each.zones_revision == definition.revision and start <= each.observed_at - self.base < start + MINUTE
                for each in self.frames
            ),
            "entries": sum(visit.entry_reason == "CROSSED" for visit in begun),
            "starts": sum(visit.entry_reason != "CROSSED" for visit in begun),
            "exits": sum(visit.exit_reason == "LEFT" for visit in closed),
            "ends": sum(visit.exit_reason != "LEFT" for visit in closed),
            "visits_closed": len(closed),
            "dwell_ms_sum": sum(visit.dwell_ms for visit in closed),
        }

    def _tracks(self) -> set[int]:
        return {visit.track_no for visit in self.visited}

    def _during(self, visit: ZoneExited, start: int) -> slice:
        return slice(max(visit.entered_at - self.base - start, 0), max(visit.exited_at - self.base - start, 0))

    def _owned(self, track: int, zone_id: str, here: Milliseconds, start: int) -> int:
        """How much of this minute one person gives to a zone: all are painted over each other, the least important first."""
        owned = np.zeros(MINUTE, bool)
        mine = [visit for visit in self.visited if visit.track_no == track]
        for visit in sorted(mine, key=lambda each: self._rank(each.zone_id, start), reverse=True):
            owned[self._during(visit, start)] = visit.zone_id == zone_id
        return int((owned & here).sum())

    def _rank(self, zone_id: str, start: int) -> tuple[int, str]:
        kinds = [
            PRECEDENCE.index(zone.kind)
            for each in self.defined
            for zone in each.zones
            if zone.zone_id == zone_id and each.effective_at - self.base < start + MINUTE
        ]
        return kinds[-1] if kinds else len(PRECEDENCE), zone_id

    def _counts(self, at: int, zone: Zone, start: int) -> int | None:
        """The definition under which something that happened at `at` in this minute counts."""
        if not start <= at - self.base < start + MINUTE:
            return None
        knowing = [
            index
            for index, each in enumerate(self.defined)
            if each.effective_at <= at and any(known.zone_id == zone.zone_id for known in each.zones)
        ]
        return knowing[-1]


def _letter(run: Run, zone: Zone) -> str:
    length = run.end - run.start
    if run.inside:
        return "S" if length >= zone.min_stay_ms else "s"
    return "A" if length >= zone.grace_ms else "a"


def _last_seen_in(samples: Sequence[Sample], run: Run) -> int:
    return max(at for at, _ in samples if run.next_seen is None or at < run.next_seen)


def _meeting(start: Point, end: Point, a: Point, b: Point) -> set[Fraction]:
    (px, py), (qx, qy), (ax, ay), (bx, by) = ((Fraction(x), Fraction(y)) for x, y in (start, end, a, b))
    cross = (qx - px) * (by - ay) - (qy - py) * (bx - ax)
    if cross == 0:
        return set()
    on_way = ((ax - px) * (by - ay) - (ay - py) * (bx - ax)) / cross
    on_edge = ((ax - px) * (qy - py) - (ay - py) * (qx - px)) / cross
    return {on_way} if 0 <= on_way <= 1 and 0 <= on_edge <= 1 else set()


def _shared(first: tuple[Point, Point], second: tuple[Point, Point]) -> set[tuple[Fraction, Fraction]]:
    """Points that two segments have in common: the one where they meet, or the ends of their overlap."""
    if met := _meeting(*first, *second):
        return {_on(*first, where) for where in met}
    return {_exact(end) for end in second if _lies_on(end, first)} | {
        _exact(end) for end in first if _lies_on(end, second)
    }


def _lies_on(point: Point, segment: tuple[Point, Point]) -> bool:
    (x, y), (ax, ay), (bx, by) = (_exact(each) for each in (point, *segment))
    between = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
    return between and (bx - ax) * (y - ay) == (by - ay) * (x - ax)


def _exact(point: Point) -> tuple[Fraction, Fraction]:
    return Fraction(point[0]), Fraction(point[1])


def _on(start: Point, end: Point, where: Fraction) -> tuple[Fraction, Fraction]:
    (px, py), (qx, qy) = ((Fraction(x), Fraction(y)) for x, y in (start, end))
    return px + (qx - px) * where, py + (qy - py) * where


def _holds_exactly(polygon: Sequence[Point], point: tuple[Fraction, Fraction]) -> bool:
    return holds(polygon, point)  # type: ignore[arg-type] # fractions compare and subtract as floats do


def _side(line: Line, x: Fraction, y: Fraction) -> Fraction:
    """Positive to the right on screen, walking from the first point to the second; y points down."""
    (ax, ay), (bx, by) = ((Fraction(u), Fraction(v)) for u, v in line.points)
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)
