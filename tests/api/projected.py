"""Events in a real database as the projector stores them."""

from collections.abc import Mapping, Sequence
from contextlib import closing

from schemas.events import Event
from stream_processors.projections.store import Appended
from stream_processors.projections.timescale import TimescaleStore


def store(database: str, topic: str, events: Sequence[Event], ends: Mapping[int, int]) -> None:
    """Project `events` and say that every partition is stored up to its end in `ends`."""
    with closing(TimescaleStore(database)) as projections:
        for partition, end in sorted(ends.items()):
            stored = projections.next_offset(topic, partition)
            projections.write(topic, partition, stored, end, [Appended(event, 0) for event in events])
