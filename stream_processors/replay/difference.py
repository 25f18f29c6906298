"""The signed difference between two sets of visits and minutes: by zone and hour, and visit by visit.

A pure function of the two sides. It must not know where they come from, nor how a difference is shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

HOUR_MS = 3_600_000

Change: TypeAlias = Literal["ADDED", "REMOVED", "LONGER", "SHORTER", "MOVED", "SAME"]
_OPEN = 2**62  # the end of a visit that is not over: later than any moment


class Visit(NamedTuple):
    """A zone visit; `exited_at` is None while it is open. Times are UTC ms."""

    camera_id: str
    zone_id: str
    track_no: int
    entered_at: int
    exited_at: int | None

    @property
    def dwell_ms(self) -> int | None:
        """How long it lasted; None while it is open."""
        return None if self.exited_at is None else self.exited_at - self.entered_at

    @property
    def end(self) -> int:
        """When it ended; for an open one later than any moment."""
        return _OPEN if self.exited_at is None else self.exited_at


class Minute(NamedTuple):
    """What a difference reads of a zone minute; `minute` is where it begins, UTC ms."""

    camera_id: str
    zone_id: str
    minute: int
    person_ms: int
    exclusive_person_ms: int
    occupied_ms: int
    observed_ms: int
    entries: int
    exits: int


class Amounts(NamedTuple):
    """Sums over a zone's minutes of an hour, and over the visits entered in it; an open visit adds no dwell."""

    person_ms: int = 0
    exclusive_person_ms: int = 0
    occupied_ms: int = 0
    observed_ms: int = 0
    entries: int = 0
    exits: int = 0
    visits: int = 0
    dwell_ms: int = 0

    def plus(self, other: "Amounts") -> "Amounts":
        """The sum, amount by amount."""
        return Amounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: "Amounts") -> "Amounts":
        """The difference, amount by amount."""
        return Amounts(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class Side(NamedTuple):
    """One of the two: what was (before) or what would be (after)."""

    visits: Iterable[Visit]
    minutes: Iterable[Minute]


class HourDifference(NamedTuple):
    """A zone in one UTC hour; None: that side has neither a minute nor a visit of it, so nothing is known there."""

    camera_id: str
    zone_id: str
    hour: int
    before: Amounts | None
    after: Amounts | None

    @property
    def difference(self) -> Amounts:
        """After less before; what is not known adds nothing."""
        return (self.after or Amounts()).minus(self.before or Amounts())


class VisitDifference(NamedTuple):
    """What became of a visit; one of the two is None when it was added or removed."""

    before: Visit | None
    after: Visit | None

    @property
    def place(self) -> tuple[str, str]:
        """Camera and zone."""
        (place, *_) = (each[:2] for each in self if each is not None)
        return place

    @property
    def change(self) -> Change:
        """LONGER and SHORTER compare dwell; MOVED is as long as before, at another time."""
        if self.before is None:
            return "ADDED"
        if self.after is None:
            return "REMOVED"
        longer = (self.after.end - self.after.entered_at) - (self.before.end - self.before.entered_at)
        if longer:
            return "LONGER" if longer > 0 else "SHORTER"
        return "SAME" if self.before.entered_at == self.after.entered_at else "MOVED"


class Difference(NamedTuple):
    """Every zone and hour that either side knows, the visits that are not the same, and how many are."""

    hours: list[HourDifference]
    visits: list[VisitDifference]
    same_visits: int

    @property
    def is_empty(self) -> bool:
        """Whether the sides say the same."""
        return not self.visits and all(each.before == each.after for each in self.hours)


def difference(before: Side, after: Side, *, same_tracks: bool) -> Difference:
    """What changed from `before` to `after`; on each side a track enters a zone at most once at a moment.

    Visits are compared within their camera and zone, the pairs that share most time first. With `same_tracks` only visits of
    the same track can be a pair; without, the two sides cut tracks otherwise, and time alone decides.
    """
    before, after = (Side(list(side.visits), side.minutes) for side in (before, after))
    visits = sorted(_compared(before.visits, after.visits, same_tracks=same_tracks), key=_place)
    changed = [each for each in visits if each.change != "SAME"]
    return Difference(_hours(before, after), changed, len(visits) - len(changed))


def total(hours: Iterable[HourDifference]) -> tuple[Amounts, Amounts]:
    """The sums before and after."""
    sums = [Amounts(), Amounts()]
    for each in hours:
        sums = [so_far.plus(more or Amounts()) for so_far, more in zip(sums, each[-2:], strict=True)]
    return sums[0], sums[1]


def _hours(before: Side, after: Side) -> list[HourDifference]:
    sides = _amounts(before), _amounts(after)
    keys = sorted(sides[0].keys() | sides[1].keys())
    return [HourDifference(*key, *(side.get(key) for side in sides)) for key in keys]


def _amounts(side: Side) -> dict[tuple[str, str, int], Amounts]:
    """The sums of one side by camera, zone and beginning of the hour."""
    sums: defaultdict[tuple[str, str, int], Amounts] = defaultdict(Amounts)
    for camera_id, zone_id, minute, *amounts in side.minutes:
        key = camera_id, zone_id, minute - minute % HOUR_MS
        sums[key] = sums[key].plus(Amounts(*amounts))
    for visit in side.visits:
        key = visit.camera_id, visit.zone_id, visit.entered_at - visit.entered_at % HOUR_MS
        sums[key] = sums[key].plus(Amounts(visits=1, dwell_ms=visit.dwell_ms or 0))
    return sums


def _compared(before: Iterable[Visit], after: Iterable[Visit], *, same_tracks: bool) -> Iterator[VisitDifference]:
    """Each visit of both sides once, alone or in a pair."""
    groups: defaultdict[tuple[str, str, int], tuple[list[Visit], list[Visit]]] = defaultdict(lambda: ([], []))
    for number, side in enumerate((before, after)):
        for visit in side:
            groups[visit.camera_id, visit.zone_id, visit.track_no if same_tracks else 0][number].append(visit)
    for alike in groups.values():
        yield from _paired(*alike)


def _paired(before: Sequence[Visit], after: Sequence[Visit]) -> Iterator[VisitDifference]:
    """The closest pairs first; who is left over was removed or added."""
    removed, added = set(before), set(after)
    for old, new in sorted(_meetings(before, after), key=_distance):
        if old in removed and new in added:
            removed.remove(old)
            added.remove(new)
            yield VisitDifference(old, new)
    yield from (VisitDifference(old, None) for old in removed)
    yield from (VisitDifference(None, new) for new in added)


def _meetings(before: Iterable[Visit], after: Iterable[Visit]) -> Iterator[tuple[Visit, Visit]]:
    """Every pair that shares time, or begins at the same moment: a sweep over the beginnings."""
    beginnings = sorted([*((visit, 0) for visit in before), *((visit, 1) for visit in after)], key=_entered_at)
    going_on: list[list[Visit]] = [[], []]
    for visit, side in beginnings:
        others = [each for each in going_on[1 - side] if max(each.end, each.entered_at + 1) > visit.entered_at]
        yield from ((each, visit) if side else (visit, each) for each in others)
        going_on[1 - side] = others
        going_on[side].append(visit)


def _entered_at(beginning: tuple[Visit, int]) -> int:
    return beginning[0].entered_at


def _distance(pair: tuple[Visit, Visit]) -> tuple[object, ...]:
    """Grows as less time is shared; the same for a pair and its reverse, so that swapped sides make the same pairs."""
    one, other = pair
    shared_ms = min(one.end, other.end) - max(one.entered_at, other.entered_at)
    apart_ms = abs(one.entered_at - other.entered_at)
    return -shared_ms, apart_ms, one.track_no != other.track_no, *sorted(_key(each) for each in pair)


def _place(compared: VisitDifference) -> tuple[object, ...]:
    """The order in which changes are told."""
    return tuple(sorted(_key(each) for each in compared if each is not None))


def _key(visit: Visit) -> tuple[str, str, int, int]:
    return visit.camera_id, visit.zone_id, visit.entered_at, visit.track_no
