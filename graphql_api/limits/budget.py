"""How much one caller may ask for in how much time: a bucket of points for each, which fills again at a steady rate.

Buckets live in one API process; a caller of several processes has one in each.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

MAX_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many points were there at a moment, in seconds of a clock that only goes forward."""

    points: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Rate:
    """How many points a bucket holds at most, and how many come back each second."""

    capacity: float
    restored_per_s: float

    def refilled(self, bucket: Bucket, now_s: float) -> Bucket:
        """The bucket as it is by now."""
        restored = (now_s - bucket.at_s) * self.restored_per_s
        return Bucket(min(self.capacity, bucket.points + restored), now_s)

    def wait_s(self, bucket: Bucket, points: float) -> float:
        """How long it takes until the bucket holds `points`; 0 when it does."""
        return max(0.0, (points - bucket.points) / self.restored_per_s)


class Budgets:
    """The buckets of all callers; those who were silent longest begin anew with a full one."""

    def __init__(self, rate: Rate, clock_s: Callable[[], float] = monotonic) -> None:
        self.rate = rate
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def left(self, caller: str) -> float:
        """How many points the caller has now."""
        return self._now(caller).points

    def spend(self, caller: str, points: float) -> float:
        """Take points from the caller's bucket, if it has them: 0; else the seconds until it has."""
        bucket = self._now(caller)
        wait_s = self.rate.wait_s(bucket, points)
        if not wait_s:
            self._put(caller, bucket.points - points)
        return wait_s

    def give_back(self, caller: str, points: float) -> None:
        """Return what was taken and not used; below 0, take what was used beyond that."""
        self._put(caller, min(self.rate.capacity, self._now(caller).points + points))

    def _now(self, caller: str) -> Bucket:
        now_s = self._clock_s()
        return self.rate.refilled(self._buckets.get(caller, Bucket(self.rate.capacity, now_s)), now_s)

    def _put(self, caller: str, points: float) -> None:
        self._buckets[caller] = Bucket(points, self._clock_s())
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
