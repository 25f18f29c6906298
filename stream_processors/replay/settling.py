"""How far a camera's numbers are settled: the moment before which nothing more can be said. It must not know records or ranges."""

from stream_processors.domain import visits
from stream_processors.domain.zones import ZoneState


def undecided_since(zones: ZoneState, watermark: int, tentative_since: int | None) -> int:
    """UTC ms: the watermark, or the beginning of what is undecided there, be it a track, a stay, an absence or a crossing."""
    cuts = (cut.moment.at for waiting in zones.cuts.values() for cut in waiting.values())
    since = visits.undecided_since(zones.visits, watermark), tentative_since, *cuts
    return min([watermark, *(each for each in since if each is not None)])
