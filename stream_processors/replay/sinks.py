"""Where a replay's results go: what the engine asks of a sink, and what it tells those who watch. It must not know any sink.

A partition is replayed by one process with one sink of its own. The engine hands it records that lie in the plan's range, in the
order in which the fold said them, and now and then a mark: bytes that only the engine understands, with which it can go on.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from stream_processors.replay.folding import Said


class Sink(Protocol):
    """One partition's results. An error that leaves the context must keep what the last checkpoint made durable."""

    def begin(self) -> bytes | None:
        """Discard what was written after the last checkpoint and return its mark; None: nothing is kept, begin anew.

        A sink that cannot go on discards everything and returns None.
        """
        ...

    def written(self) -> Iterator[Said]:
        """All that is kept, in order; asked for only where `begin` returned a mark, to take up the digests."""
        ...

    def write(self, said: Said) -> None:
        """Add one record: the event, and its Avro body."""
        ...

    def checkpoint(self, mark: bytes) -> None:
        """Make all that was written durable, together with the mark."""
        ...


# Makes the sink of a partition in the process that replays it; it is pickled to get there.
Sinks: TypeAlias = Callable[[int], AbstractContextManager[Sink]]
# Records read and to be read, told some times a second; what it raises ends the replay, which can be gone on with later.
Progress: TypeAlias = Callable[[int, int], None]
