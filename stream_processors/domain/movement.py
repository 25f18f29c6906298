"""Where tracks were at two consecutive matched frames: what zones and lines are decided by."""

from dataclasses import dataclass

from stream_processors.domain.geometry import Floats, Ints, Path, moment
from stream_processors.domain.presence import Moment

UNSEEN = -1


@dataclass(frozen=True, slots=True)
class Movement:
    """The tracks matched at `observed_at`, one row each, ascending by number."""

    observed_at: int
    track_no: Ints  # (n,)
    row: Ints  # (n,) of each track in what is remembered of all
    seen_at: Ints  # (n,) the matched frame before; UNSEEN for a first one
    before: Floats  # (n, 2, 2) anchors then
    after: Floats  # (n, 2, 2) anchors now

    def is_first(self, index: int) -> bool:
        """Whether the track was never seen before."""
        return int(self.seen_at[index]) == UNSEEN

    def path(self, index: int, anchor: int) -> Path:
        """The straight path of one anchor between the two frames."""
        (x1, y1), (x2, y2) = self.before[index, anchor].tolist(), self.after[index, anchor].tolist()
        return (x1, y1), (x2, y2)

    def moment(self, index: int, fraction: float, *, since: int = 0) -> Moment:
        """The moment `fraction` of the way along the path, between its two frames, but not before `since`."""
        seen_at = int(self.seen_at[index])
        return Moment(max(moment(seen_at, self.observed_at, fraction), since), seen_at, self.observed_at)
