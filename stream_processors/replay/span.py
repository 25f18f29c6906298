"""The range a replay reports, and the event time by which a record belongs to it."""

from dataclasses import dataclass

from schemas.events import LineCrossed, Output, TrackEnded, TracksObserved, ZoneMinuteMeasured, ZoneVisitEvent
from stream_processors.replay.lines import EPOCH, MS


@dataclass(frozen=True, slots=True)
class Span:
    """Event time from `start` (UTC ms) up to, but not including, `stop`; None is open."""

    start: int | None = None
    stop: int | None = None

    def __contains__(self, at: int) -> bool:
        return (self.start is None or self.start <= at) and (self.stop is None or at < self.stop)

    def __str__(self) -> str:
        if (self.start, self.stop) == (None, None):
            return "the log"
        return f"[{told(self.start)}, {told(self.stop)})"

    def begins_before(self, first_observed_at: int | None) -> bool:
        """Whether the span begins before the first frame there is, so that nobody knows who was there."""
        return self.start is not None and (first_observed_at is None or self.start < first_observed_at)


def event_time(output: Output, watermark: int) -> int:
    """UTC ms: a visit belongs where it was entered, a minute where it begins; what concerns the camera, to its watermark."""
    match output:
        case TracksObserved():
            return output.observed_at
        case TrackEnded():
            return output.ended_at
        case ZoneVisitEvent():
            return output.entered_at
        case LineCrossed():
            return output.crossed_at
        case ZoneMinuteMeasured():
            return output.minute
        case _:
            return watermark


def told(at: int | None) -> str:
    """A moment for people."""
    return "…" if at is None else (EPOCH + at * MS).isoformat()
