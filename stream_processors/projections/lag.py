"""How far the read model is behind in time, at the moment somebody asks. It must not know what is written, nor why that waits."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class Lag:
    """Of one topic.

    Args:
        now: Unix seconds.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._waiting: float | None = None
        self._at_last = 0.0

    def seconds(self) -> float:
        """Age of the oldest record that is being written; when there is none, of the newest when it was written.

        While the database is away, a batch is being written. Any thread may ask.
        """
        waiting = self._waiting
        return self._at_last if waiting is None else self._since(waiting)

    @contextmanager
    def writing(self, appended_at: Sequence[float]) -> Iterator[None]:
        """Records, by when they were appended (Unix seconds, in any order), are written while the context lasts."""
        self._waiting = min(appended_at)
        yield
        self._at_last = self._since(max(appended_at))
        self._waiting = None

    def _since(self, moment: float) -> float:
        """Clocks of other machines may be ahead of ours."""
        return max(self._now() - moment, 0.0)
