"""A clock that tests turn by hand."""


class ManualClock:
    """Time passes only in `sleep`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.wall_offset_ms = 1_700_000_000_000
        self.slept: list[float] = []

    def utc_ms(self) -> int:
        return self.wall_offset_ms + round(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
