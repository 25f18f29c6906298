"""One person and one zone: when a stay becomes a visit and an absence ends it. Knows no geometry and no other person.

A visit opens at the first moment of an uninterrupted stay of at least `min_stay_ms` and closes at the first moment of an
uninterrupted absence of at least `grace_ms`, both judged in retrospect. There is no other memory.
"""

from dataclasses import dataclass, replace

from schemas.events import EntryReason, ExitReason, Zone

NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of event time (ms) and the matched frames it lies between; None where that side was not seen."""

    at: int
    earliest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """How a visit, or a stay that may become one, began."""

    moment: Moment
    reason: EntryReason


@dataclass(frozen=True, slots=True)
class Presence:
    """One track in one zone: inside or not, since when, and the visit that is open, if any."""

    inside: bool
    since: Moment  # beginning of the stay or absence that goes on
    visit: Entry | None
    reason: EntryReason = "CROSSED"  # how the stay that goes on began


@dataclass(frozen=True, slots=True)
class Opened:
    """A visit began."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Closed:
    """A visit ended."""

    entry: Entry
    exit: Moment
    reason: ExitReason


Change = Opened | Closed
Verdict = tuple[Presence | None, list[Change]]


def begin(now: Moment, reason: EntryReason) -> Presence:
    """Somebody is inside for the first time."""
    return Presence(inside=True, since=now, visit=None, reason=reason)


def first_seen(at: int, zone_since: int) -> Presence:
    """A track was first detected inside; where the zone was drawn only later, its stay begins then."""
    if at < zone_since:
        return begin(Moment(zone_since, zone_since, zone_since), "ZONE_CHANGED")
    return begin(Moment(at, None, at), "TRACK_STARTED")


def deadline(presence: Presence, zone: Zone) -> int:
    """When the stay or absence that goes on will have lasted long enough to decide something."""
    if presence.inside:
        return presence.since.at + zone.min_stay_ms if presence.visit is None else NEVER
    return presence.since.at + zone.grace_ms


def settle(presence: Presence, zone: Zone, now: int) -> Verdict:
    """What is decided by `now` if nothing changes sides: open the visit, close it, or nothing. None: nothing to remember."""
    if now < deadline(presence, zone):
        return presence, []
    if presence.inside:
        entry = Entry(presence.since, presence.reason)
        return replace(presence, visit=entry), [Opened(entry)]
    return None, [_left(presence)]


def cross(presence: Presence | None, zone: Zone, at: Moment) -> Verdict:
    """The person crosses the border at `at`; what had lasted long enough by then is decided first."""
    if presence is None:
        return begin(at, "CROSSED"), []
    settled, changes = settle(presence, zone, at.at)
    if settled is None:
        return begin(at, "CROSSED"), changes
    if settled.visit is None:
        return None, changes  # a stay too short to be a visit
    return replace(settled, inside=not settled.inside, since=at), changes


def end(presence: Presence, zone: Zone, seen_at: int, reason: ExitReason) -> list[Change]:
    """The track ends when last seen: an open visit ends there, or where the person had left before."""
    settled, changes = settle(presence, zone, seen_at)
    if settled is None or settled.visit is None:
        return changes
    if not settled.inside:
        return [*changes, _left(settled)]
    return [*changes, Closed(settled.visit, Moment(seen_at, seen_at, None), reason)]


def redraw(presence: Presence | None, old: Zone, *, inside: bool, seen_at: int, now: int) -> Verdict:
    """The zone was redrawn at `now` around or under a person last seen at `seen_at`; `inside` is by the new shape."""
    if presence is None:
        return (begin(Moment(now, now, now), "ZONE_CHANGED"), []) if inside else (None, [])
    if inside:
        return replace(presence, inside=True), []
    settled, changes = settle(presence, old, seen_at)
    if settled is None or settled.visit is None:
        return None, changes
    if not settled.inside:
        return None, [*changes, _left(settled)]
    return None, [*changes, Closed(settled.visit, Moment(seen_at, seen_at, now), "ZONE_CHANGED")]


def _left(presence: Presence) -> Closed:
    assert presence.visit is not None, "an absence is remembered only while a visit is open"
    return Closed(presence.visit, presence.since, "LEFT")
