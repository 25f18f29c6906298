"""What a read model offers to its writer. It must not know how events arrive or what becomes of those it refuses."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from schemas.events import Event


class Appended(NamedTuple):
    """An event, and when the broker took it into its topic, UTC ms."""

    event: Event
    appended_at: int


class ProjectionStore(Protocol):
    """A read model that remembers how far each partition of each topic is in it.

    Rows and offset change together or not at all, and writing what is already there changes nothing. An instance serves
    one thread; any number of them may serve one read model.
    """

    def next_offset(self, topic: str, partition: int) -> int:
        """The first offset of the partition that is not in the read model; 0 before the first write.

        Raises:
            TransientError: wait and ask again.
        """
        ...

    def write(
        self, topic: str, partition: int, expected_offset: int, next_offset: int, events: Sequence[Appended]
    ) -> None:
        """Store the rows of `events`, in order, and move the partition from `expected_offset` to `next_offset`.

        Raises:
            FencedError: the partition is not at `expected_offset`: another writer had it.
            TransientError: wait and write the same again.
            BadRowError: one of the events, or several, cannot be stored.
        """
        ...

    def close(self) -> None:
        """Let go of connections; the next call makes new ones."""
        ...
