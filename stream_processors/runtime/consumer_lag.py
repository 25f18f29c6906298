"""How many records a worker has before it, without asking the broker: what came with the last records it was given."""

from collections.abc import Mapping

import faust
from faust.types import TP

from stream_processors.runtime import metrics


class ConsumerLag:
    """The worker's own lag on `topic`, for its metrics."""

    def __init__(self, app: faust.App, topic: str) -> None:
        self._app = app
        self._topic = topic
        self._told: frozenset[int] = frozenset()

    def reached(self, next_offsets: Mapping[int, int]) -> None:
        """Where the worker goes on, by partition; of those that are not named it tells no more."""
        ends = self._app.monitor.tp_end_offsets
        for partition in self._told - next_offsets.keys():
            metrics.CONSUMER_LAG.remove(self._topic, partition)
        for partition, offset in next_offsets.items():
            behind = max(ends.get(TP(self._topic, partition), offset) - offset, 0)
            metrics.CONSUMER_LAG.labels(self._topic, partition).set(behind)
        self._told = frozenset(next_offsets)
