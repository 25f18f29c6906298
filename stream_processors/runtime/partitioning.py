"""Where a key belongs, and which epoch a record is of. A topic that grew began a new epoch at the offsets it had then.

Keys are spread as Java's producer, aiokafka and librdkafka's `murmur2_random` do.
"""

from dataclasses import dataclass
from functools import lru_cache

from aiokafka.partitioner import murmur2

from schemas.settings import KafkaSettings

_POSITIVE = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Partitioning:
    """The layout of the camera log.

    Attributes:
        count: partitions now; None where any key may stand anywhere, as in a log on disk.
        grown: for each time the count grew, the next offset of each partition there was (settings `kafka.grown`).
    """

    count: int | None = None
    grown: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, kafka: KafkaSettings) -> "Partitioning":
        """What the settings say."""
        return cls(kafka.partitions, kafka.grown)

    @property
    def present(self) -> int:
        """The epoch of the next record."""
        return len(self.grown)

    def epoch(self, partition: int, offset: int) -> int:
        """How often the log had grown when the record was written."""
        return sum(partition >= len(ends) or offset >= ends[partition] for ends in self.grown)

    def begin(self, partition: int) -> int:
        """The first offset of the present epoch."""
        return self.grown[-1][partition] if self.grown and partition < len(self.grown[-1]) else 0

    def is_home(self, key: bytes, partition: int, offset: int) -> bool:
        """Whether a producer with the right partitioner would have put the record there."""
        if self.count is None:
            return True
        epoch = self.epoch(partition, offset)
        return home(key, self.count if epoch == self.present else len(self.grown[epoch])) == partition


@lru_cache(maxsize=65_536)
def home(key: bytes, count: int) -> int:
    """The partition of a key among so many."""
    return int((murmur2(key) & _POSITIVE) % count)
