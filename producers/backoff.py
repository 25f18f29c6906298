"""How long to wait before the next attempt to reach a camera. Pure: the random number is an argument."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delays with a cap and jitter, so that cameras behind one switch do not return in step."""

    base_s: float = 0.25
    cap_s: float = 5.0
    jitter: float = 0.2

    def delay_s(self, failures: int, random: float) -> float:
        """Seconds to wait after `failures` (1 or more) failures in a row; `random` is uniform in 0..1."""
        # 2.0 to a large power overflows; long before that the cap holds.
        plain = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32))
        return plain * (1 + self.jitter * (2 * random - 1))
