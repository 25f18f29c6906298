"""Where tracks were at two consecutive matched frames: what zones and lines are decided by."""

from dataclasses import dataclass

from schemas.events import Point
from stream_processors.domain.geometry import Floats, Ints, moment
from stream_processors.domain.presence import Moment

UNSEEN = -1


@dataclass(frozen=True, slots=True)
class Movement:
    """The tracks matched at `observed_at`, one row each, ascending by number."""

    observed_at: int
    track_no: Ints  # (n,)
    seen_at: Ints  # (n,) the matched frame before; UNSEEN for a first one
    before: Floats  # (n, 2, 2) anchors then
    after: Floats  # (n, 2, 2) anchors now

    def is_first(self, index: int) -> bool:
        """Whether the track was never seen before."""
        return int(self.seen_at[index]) == UNSEEN

    def path(self, index: int, anchor: int) -> tuple[Point, Point]:
        """The straight path of one anchor between the two frames."""
        (x1, y1), (x2, y2) = self.before[index, anchor].tolist(), self.after[index, anchor].tolist()
        return (x1, y1), (x2, y2)

    def moment(self, index: int, fraction: float) -> Moment:
        """The moment `fraction` of the way along the path, between its two frames."""
        seen_at = int(self.seen_at[index])
        return Moment(moment(seen_at, self.observed_at, fraction), seen_at, self.observed_at)
