"""When all has been said of a camera's part of a range, so that nothing that follows in the log can add to it."""

from stream_processors.domain import visits
from stream_processors.domain.zones import ZoneState
from stream_processors.replay.plan import Plan


def is_settled(plan: Plan, zones: ZoneState, watermark: int, tentative_since: int | None) -> bool:
    """Whether the camera has come past the range, with nothing undecided in it and no visit open that was entered in it."""
    until = plan.until
    if until is None or watermark < until or _undecided_since(zones, watermark, tentative_since) < until:
        return False
    return not any(each.change.entry.moment.at in plan.span for each in visits.still_open(zones.visits))


def _undecided_since(zones: ZoneState, watermark: int, tentative_since: int | None) -> int:
    """UTC ms: the watermark, or the beginning of what is undecided there, be it a track, a stay, an absence or a crossing."""
    cuts = (cut.moment.at for waiting in zones.cuts.values() for cut in waiting.values())
    since = visits.undecided_since(zones.visits, watermark), tentative_since, *cuts
    return min([watermark, *(each for each in since if each is not None)])
