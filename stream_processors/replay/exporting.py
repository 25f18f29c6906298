"""A live camera log as records of a file that replays to the same bytes. It must not know how messages are fetched.

What the live shell refused (unsigned, undecodable, poison) stands as its RecordRefused: a replay does not judge again,
unless it is told to (`judging`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from schemas.events import LogRecord, Position, RecordRefused, Refusal
from schemas.wire import UndecodableError, Wire
from stream_processors.replay.errors import ExportError
from stream_processors.replay.judging import Judge, stands
from stream_processors.replay.lines import Logged
from stream_processors.runtime.partitioning import Partitioning

BY_THE_SHELL: frozenset[Refusal] = frozenset(
    {"UNDECODABLE", "UNKNOWN_SCHEMA", "UNSIGNED", "EXPIRED", "POISON", "WRONG_KEY", "QUARANTINED"}
)
Place = tuple[int, int]  # partition, offset


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of a topic; `appended_at` is the broker's time, UTC ms."""

    partition: int
    offset: int
    appended_at: int
    key: bytes | None
    value: bytes | None


class Refusals(Protocol):
    """What the live shell did not let through, by its place in the log."""

    def get(self, place: Place, /) -> RecordRefused | None:
        """The refusal of the record at a place, if it was refused."""
        ...


def refusals(camera_events: Iterable[Stored], wire: Wire) -> dict[Place, RecordRefused]:
    """What the live shell did not let through to the fold, by its place in the log."""
    said = (wire.decode(message.value) for message in camera_events)
    return {
        (each.position.partition, each.position.offset): each
        for each in said
        if isinstance(each, RecordRefused) and each.reason in BY_THE_SHELL
    }


def records(
    log: Iterable[Stored],
    wire: Wire,
    partitioning: Partitioning,
    refused: Refusals,
    cameras: frozenset[str],
    *,
    judge: Judge = stands,
) -> Iterator[Logged]:
    """What a log file says of each message, of the given cameras or, when none is named, of all.

    A refused message stands as its RecordRefused, unless `judge` finds a record in it.

    Raises:
        ExportError: a message that nobody refused is no record of a camera's log.
    """
    for message in log:
        if cameras and (message.key or b"").decode("utf-8", "replace") not in cameras:
            continue
        place = f"partition {message.partition}, offset {message.offset}"
        refusal = refused.get((message.partition, message.offset))
        found = judge(message.key, message.value, refusal) or refusal if refusal else _record(place, message, wire)
        if isinstance(found, RecordRefused):
            yield Logged(place, found, found.position)
        else:
            epoch = partitioning.epoch(message.partition, message.offset)
            position = Position(epoch=epoch, partition=message.partition, offset=message.offset, index=0)
            yield Logged(place, found, position, appended_at=message.appended_at)


def _record(place: str, message: Stored, wire: Wire) -> LogRecord:
    try:
        record = wire.decode(message.value)
    except UndecodableError as error:
        raise ExportError(f"{place}: {error}, and camera-events does not name it as refused") from error
    if not isinstance(record, LogRecord):
        raise ExportError(f"{place}: a {type(record).__name__} does not belong in the camera log")
    return record
