"""What the changelog holds of a partition: the newest snapshot of each key, and the marker of the last checkpoint.

A checkpoint writes the snapshots that changed, then the marker, which says how far each stored state has got. A worker that
was stopped and woke up may write an old snapshot after a newer one, and compaction then drops the newer: the marker tells.
Pure; who reads and writes the topic is `recovery` and `checkpoint`.
"""

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from stream_processors.runtime.snapshots import DamagedSnapshotError, NewerSnapshotError, UnusableSnapshotError

MARKER_KEY = b"\xff"  # no UTF-8, so no camera has it
_FORMAT = 1

Record = TypeVar("Record", "Entry", "Marker")


class _Head(msgspec.Struct, frozen=True, array_like=True):
    format: int


class Entry(_Head, frozen=True, array_like=True):
    """A state as it stands in the changelog: all of its key below `next_offset` of the source is in it."""

    epoch: int
    next_offset: int
    snapshot: bytes


class Marker(_Head, frozen=True, array_like=True):
    """A checkpoint of a partition: all below `next_offset` is folded, and each stored state is at least so far."""

    epoch: int
    next_offset: int
    states: dict[bytes, int]


@dataclass(slots=True)
class Contents:
    """A partition of the changelog, read from its beginning to its end. States of other epochs than `epoch` do not count."""

    epoch: int
    entries: dict[bytes, Entry] = field(default_factory=dict)
    marker: Marker = field(default_factory=lambda: Marker(_FORMAT, 0, 0, {}))
    damaged: dict[bytes, str] = field(default_factory=dict)  # why a value could not be read, by key

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Take the next record; of several of one key the one furthest on counts, wherever it stands.

        Raises:
            NewerSnapshotError: newer code wrote it.
        """
        if key is None or value is None:
            return
        try:
            if key == MARKER_KEY:
                self.marker = _further(self.marker, _decode(value, Marker))
            elif (entry := _decode(value, Entry)).epoch == self.epoch:
                self.entries[key] = _further(self.entries.get(key), entry)
        except DamagedSnapshotError as error:
            self.damaged[key] = str(error)

    def require_epoch(self) -> None:
        """Hold the marker against the epoch of the settings.

        Raises:
            UnusableSnapshotError: the changelog is of another one.
        """
        if self.marker.epoch > self.epoch or (self.marker.epoch < self.epoch and not self.entries):
            raise UnusableSnapshotError(
                f"the changelog is of epoch {self.marker.epoch}, the settings are of epoch {self.epoch}: set "
                "AFORO_KAFKA__GROWN and AFORO_KAFKA__PARTITIONS to what `aforo partitions grow` printed"
            )

    def keys(self) -> set[bytes]:
        """Every key there is anything of."""
        return self.entries.keys() | self.marker.states.keys() | (self.damaged.keys() - {MARKER_KEY})


def encode(epoch: int, next_offset: int, snapshot: bytes) -> bytes:
    """A state for the changelog."""
    return msgspec.msgpack.encode(Entry(_FORMAT, epoch, next_offset, snapshot))


def encode_marker(epoch: int, next_offset: int, states: dict[bytes, int]) -> bytes:
    """The marker of a checkpoint."""
    return msgspec.msgpack.encode(Marker(_FORMAT, epoch, next_offset, states))


def _further(one: Record | None, other: Record) -> Record:
    return other if one is None or (other.epoch, other.next_offset) >= (one.epoch, one.next_offset) else one


def _decode(value: bytes, kind: type[Record]) -> Record:
    try:
        written = msgspec.msgpack.decode(value, type=_Head).format
        if written > _FORMAT:
            raise NewerSnapshotError(f"the changelog is of format {written}, newer than this code ({_FORMAT})")
        return msgspec.msgpack.decode(value, type=kind)
    except msgspec.MsgspecError as error:
        raise DamagedSnapshotError(f"changelog record is damaged: {error}") from error
