"""What a worker does with partitions it is given, before it folds a record of them.

States come from the changelog, are checked against the marker and the group's committed offset, and made again from the log
where they are behind.
Nothing is published here: whatever is folded again was published before the offset it is folded to was stored.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

import structlog

from stream_processors.runtime import fail_points, metrics
from stream_processors.runtime.changelog import Contents
from stream_processors.runtime.messages import Message, Refused
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.snapshots import DamagedSnapshotError, UnusableSnapshotError

log = structlog.get_logger()
State = TypeVar("State")
Stretches: TypeAlias = Mapping[tuple[str, int], tuple[int, int]]


class Log(Protocol):
    """What recovery asks of the broker: `reading.Reader`."""

    def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int | None]:
        """Where the group goes on; None where it has committed nothing."""
        ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset there is, and the next one to be written."""
        ...

    def since(self, topic: str, appended_at: Mapping[int, int]) -> dict[int, int]:
        """In each partition the first offset appended at that time (UTC ms) or later; the end when there is none."""
        ...

    def read(self, stretches: Stretches) -> Iterator[Message]:
        """The records from the first offset to before the second of each stretch, in order within a partition."""
        ...


class Recoverable(Protocol[State]):
    """What recovery asks of a fold."""

    def key(self, message: Message) -> bytes:
        """Whose state the record belongs to."""
        ...

    def new(self, key: bytes) -> State:
        """The state before the first record."""
        ...

    def load(self, key: bytes, partition: int, snapshot: bytes) -> State:
        """The state in a snapshot.

        Raises:
            DamagedSnapshotError: these bytes are no snapshot.
            UnusableSnapshotError: this code must not go on from it.
        """
        ...

    def kept(self, log: Log, partition: int) -> Iterator[tuple[bytes, int, bytes]]:
        """Older snapshots that are kept elsewhere, as key, next offset and snapshot, the oldest first."""
        ...

    def refused(self, log: Log, heads: Sequence[Message]) -> Iterator[tuple[int, int, Refused]]:
        """What was published as refused, by partition and offset, of these records, one a partition, and all after them."""
        ...

    def refold(self, state: State, message: Message, refused: Refused | None) -> State:
        """The state after a record that was folded, or refused, before."""
        ...


@dataclass(frozen=True, slots=True)
class Reached(Generic[State]):
    """A state, and the first record that is not in it."""

    state: State
    next_offset: int


@dataclass(frozen=True, slots=True)
class Restored(Generic[State]):
    """A partition as this worker takes it up."""

    next_offset: int  # the record that must come first
    refused: dict[int, Refused]  # from there on: published, but perhaps not acknowledged
    stored: dict[bytes, int]  # how far each state in the changelog has got
    states: dict[bytes, Reached[State]]


class Recovery(Generic[State]):
    """Takes up partitions of `source`, whose states are kept in the topic `changelog`."""

    def __init__(
        self, log: Log, fold: Recoverable[State], source: str, changelog: str, partitioning: Partitioning
    ) -> None:
        self._log = log
        self._fold = fold
        self._source = source
        self._changelog = changelog
        self._partitioning = partitioning

    def __call__(self, partitions: Iterable[int]) -> dict[int, Restored[State]]:
        """Every partition as its last owner left it.

        Raises:
            UnusableSnapshotError: a state comes from other code; nothing may be written over it.
            ConnectionError, KafkaException: try again.
        """
        partitions = set(partitions)
        committed = self._log.committed(self._source, partitions)
        contents = self._read_changelog(partitions)
        begins = {each: self._begin(each) for each in partitions}
        firsts = {each: max(committed[each] or 0, begin) for each, begin in begins.items()}
        refused = self._refused(firsts)
        return {
            each: Restored(
                firsts[each],
                {offset: why for offset, why in refused[each].items() if offset >= firsts[each]},
                {key: entry.next_offset for key, entry in contents[each].entries.items()},
                self._states(each, contents[each], committed[each], begins[each]),
            )
            for each in partitions
        }

    def require_same_log(self, partitions: Iterable[int]) -> None:
        """Hold what the group has folded against the log.

        Raises:
            UnusableSnapshotError: the log ends before that, so its next records would stand where others were folded.
        """
        for partition, committed in self._log.committed(self._source, partitions).items():
            _, end = self._log.bounds(self._source, partition)
            if (committed or 0) > end:
                raise UnusableSnapshotError(
                    f"{self._source}/{partition} ends at {end}, but was folded up to {committed}: its broker lost records, or "
                    "the topic was made anew. Restore it, or go on in a new epoch: aforo partitions grow --to the present count"
                )

    def _read_changelog(self, partitions: set[int]) -> dict[int, Contents]:
        contents = {partition: Contents(self._partitioning.present) for partition in partitions}
        whole = {(self._changelog, each): self._log.bounds(self._changelog, each) for each in partitions}
        for record in self._log.read(whole):
            metrics.RECOVERY_BYTES.inc(len(record.value or b""))
            contents[record.partition].add(record.key, record.value)
        for each in contents.values():
            each.require_epoch()
        return contents

    def _begin(self, partition: int) -> int:
        """The first record there is of the present epoch."""
        return max(self._log.bounds(self._source, partition)[0], self._partitioning.begin(partition))

    def _states(
        self, partition: int, contents: Contents, committed: int | None, begin: int
    ) -> dict[bytes, Reached[State]]:
        if committed is not None and committed < begin:
            self._lose(partition, "the topic dropped records before they were folded", committed, begin)
        states = self._load(partition, contents)
        behind = {
            key: until
            for key, until in self._reach(partition, contents, committed or 0).items()
            if key not in states or states[key].next_offset < until
        }
        if behind:
            states |= self._fold_again(partition, begin, self._bases(partition, begin, states, behind), behind)
        return states

    def _reach(self, partition: int, contents: Contents, committed: int) -> dict[bytes, int]:
        """How far each key's state must have got, given what the group has committed.

        Offsets are committed after the marker is durable. A marker behind them is an old one that came late, so nothing is
        known of any key but that all below `committed` was folded and published.
        """
        if committed <= contents.marker.next_offset:
            return contents.marker.states
        keys = contents.keys()
        if not keys:  # the changelog itself was lost
            whole = {(self._source, partition): (self._begin(partition), committed)}
            keys = {self._fold.key(each) for each in self._log.read(whole)}
        return dict.fromkeys(keys, committed)

    def _load(self, partition: int, contents: Contents) -> dict[bytes, Reached[State]]:
        for key, why in contents.damaged.items():
            _reject(partition, key, why)
        loaded = {
            key: self._loaded(partition, key, entry.next_offset, entry.snapshot)
            for key, entry in contents.entries.items()
        }
        return {key: state for key, state in loaded.items() if state is not None}

    def _loaded(self, partition: int, key: bytes, next_offset: int, snapshot: bytes) -> Reached[State] | None:
        try:
            return Reached(self._fold.load(key, partition, snapshot), next_offset)
        except DamagedSnapshotError as error:
            _reject(partition, key, str(error))
            return None

    def _bases(
        self, partition: int, begin: int, states: dict[bytes, Reached[State]], behind: dict[bytes, int]
    ) -> dict[bytes, Reached[State]]:
        """For each key that is behind, the newest state that can be had, and what of the log follows it."""
        bases = {key: states.get(key) for key in behind}
        for key, next_offset, snapshot in self._fold.kept(self._log, partition):
            there = bases.get(key)
            if key in bases and (there is None or there.next_offset < next_offset <= behind[key]):
                bases[key] = self._loaded(partition, key, next_offset, snapshot) or there
        return {key: self._reaching(partition, key, base, begin) for key, base in bases.items()}

    def _reaching(self, partition: int, key: bytes, base: Reached[State] | None, begin: int) -> Reached[State]:
        """A base that the log goes on from; what is missing in between is said and counted."""
        base = base or Reached(self._fold.new(key), 0)
        if base.next_offset < begin:
            why = "records that no snapshot holds are gone from the topic; the state goes on without them"
            self._lose(partition, why, base.next_offset, begin, key)
        return base

    def _fold_again(
        self, partition: int, begin: int, bases: dict[bytes, Reached[State]], behind: dict[bytes, int]
    ) -> dict[bytes, Reached[State]]:
        states = {key: base.state for key, base in bases.items()}
        stretch = max(begin, min(base.next_offset for base in bases.values())), max(behind.values())
        log.warning(
            "states are behind what was published; making them again from the log",
            topic=self._source,
            partition=partition,
            offset=stretch[0],
            until=stretch[1],
            keys=sorted(key.decode("utf-8", "replace") for key in behind),
        )
        refused = self._refused({partition: stretch[0]})[partition]
        for message in self._log.read({(self._source, partition): stretch}):
            key = self._fold.key(message)
            if key in behind and bases[key].next_offset <= message.offset < behind[key]:
                fail_points.reached("at-rebuild")
                states[key] = self._fold.refold(states[key], message, refused.get(message.offset))
        metrics.STATES_REBUILT.inc(len(behind))
        return {key: Reached(states[key], until) for key, until in behind.items()}

    def _refused(self, begins: dict[int, int]) -> dict[int, dict[int, Refused]]:
        """What of each partition was published as refused, from the record at the given offset on."""
        heads = self._log.read({(self._source, each): (begin, begin + 1) for each, begin in begins.items()})
        found: dict[int, dict[int, Refused]] = {each: {} for each in begins}
        for partition, offset, refused in self._fold.refused(self._log, list(heads)):
            found[partition][offset] = refused
        return found

    def _lose(self, partition: int, why: str, begin: int, until: int, key: bytes = b"") -> None:
        metrics.STRETCHES_LOST.inc()
        log.error(
            why,
            topic=self._source,
            partition=partition,
            offset=begin,
            until=until,
            key=key.decode("utf-8", "replace"),
        )


def _reject(partition: int, key: bytes, why: str) -> None:
    metrics.SNAPSHOTS_REJECTED.labels(reason="damaged").inc()
    log.warning("a snapshot cannot be read", partition=partition, key=key.decode("utf-8", "replace"), reason=why)
