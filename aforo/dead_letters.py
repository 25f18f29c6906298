"""Dead letters as an operator meets them: found, read, projected again, dropped. It must not print.

A letter is the raw bytes of a record nobody could take, with headers that say where it stood and why.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from aforo.lag import ends
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, DEAD_LETTERS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from schemas.wire import UndecodableError, Wire
from stream_processors.projections.store import Appended
from stream_processors.projections.timescale import TimescaleStore

PROJECTED = frozenset({TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS})
_TIMEOUT_S = 10.0


class LetterError(Exception):
    """What was asked cannot be done; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True, order=True)
class Letter:
    """One dead letter.

    Attributes:
        partition: where the letter stands.
        offset: the same.
        written_at: when it was written, UTC ms.
        topic: where the record stood.
        record_partition: the same.
        record_offset: the same.
        camera_id: the record's key.
        reason: why it was set aside: a `Refusal`, or the projector's reason.
        detail: for people.
        fold_version: of the code that set it aside.
        value: the record, byte for byte.
    """

    partition: int
    offset: int
    written_at: int
    topic: str
    record_partition: int
    record_offset: int
    camera_id: str
    reason: str
    detail: str
    fold_version: str
    value: bytes

    @property
    def place(self) -> str:
        """How commands name it."""
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; what is None does not matter."""

    topic: str | None = None
    reason: str | None = None
    camera_id: str | None = None
    since: int | None = None

    def __contains__(self, letter: Letter) -> bool:
        return (
            self.topic in {None, letter.topic}
            and self.reason in {None, letter.reason}
            and self.camera_id in {None, letter.camera_id}
            and (self.since is None or letter.written_at >= self.since)
        )


class DeadLetters:
    """The dead letters on a broker; use as a context.

    Raises:
        KafkaException: from every method, when the broker is away.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._admin = AdminClient(kafka.client() | {"log_level": 0})
        # It never subscribes: it reads what it is told to and leaves no trace in a group.
        self._consumer = Consumer(
            kafka.client() | {"group.id": "aforo-dead-letters", "enable.auto.commit": False, "log_level": 0}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._consumer.close()

    def find(self, wanted: Wanted) -> Iterator[Letter]:
        """The letters there are now, by partition and offset."""
        for partition, end in sorted(self._ends(range(self._kafka.partitions)).items()):
            yield from (letter for letter in self._read(partition, 0, end) if letter in wanted)

    def at(self, partition: int, offset: int) -> Letter:
        """The letter at a place.

        Raises:
            LetterError: there is none.
        """
        if 0 <= partition < self._kafka.partitions:
            end = self._ends([partition])[partition]
            for letter in self._read(partition, offset, min(offset + 1, end)):
                if letter.offset == offset:
                    return letter
        raise LetterError(f"there is no dead letter {partition}/{offset}; `aforo dead-letters list` shows all")

    def drop_through(self, letter: Letter) -> None:
        """Delete a letter and all before it in its partition, for good: Kafka can only cut a partition's beginning."""
        cut = [TopicPartition(DEAD_LETTERS, letter.partition, letter.offset + 1)]
        for future in self._admin.delete_records(cut).values():
            future.result(_TIMEOUT_S)

    def _ends(self, partitions: Iterable[int]) -> dict[int, int]:
        try:
            return {number: end for (_, number), end in ends(self._admin, [DEAD_LETTERS], partitions).items()}
        except TimeoutError:
            raise LetterError("Kafka does not answer; `aforo status` shows what runs") from None

    def _read(self, partition: int, start: int, end: int) -> Iterator[Letter]:
        first, _ = self._consumer.get_watermark_offsets(TopicPartition(DEAD_LETTERS, partition), timeout=_TIMEOUT_S)
        position = max(first, start)
        self._consumer.assign([TopicPartition(DEAD_LETTERS, partition, position)])
        while position < end:
            message = self._consumer.poll(_TIMEOUT_S)
            if message is None or message.error():
                raise LetterError(f"{DEAD_LETTERS}/{partition} could not be read at {position}; is the broker well?")
            position = message.offset() + 1
            yield _letter(message)


def told(letter: Letter, wire: Wire) -> Any:
    """What the record says, as far as it can be read now; None when it cannot.

    Raises:
        RegistryUnavailableError: the registry is away and its schema is not known yet.
    """
    try:
        return msgspec.to_builtins(wire.decode(letter.value))
    except UndecodableError:
        return None


def project(letter: Letter, wire: Wire, database_url: str) -> None:
    """Write the record of a projector's letter into the database, as if it had been taken at once.

    Rows are guarded by their position in the camera's log, so a newer row stays and repeating does no harm.

    Raises:
        LetterError: the record is not of a topic that is projected, or still cannot be read.
        ProjectionError: the database still refuses it, or is away.
    """
    if letter.topic == CAMERA_LOG:
        raise LetterError(
            f"{letter.place} is a record of the camera log. The live fold has gone past it, so it comes back into the numbers "
            f"only by a replay run: once the cause is mended, `aforo replay start --camera {letter.camera_id} --judge-again "
            "--from ... --to ...` over its time, then `aforo replay adopt`"
        )
    if letter.topic not in PROJECTED:
        raise LetterError(f"{letter.place} comes from {letter.topic!r}, which nothing projects")
    try:
        event = wire.decode(letter.value)
    except UndecodableError as error:
        raise LetterError(f"{letter.place} still cannot be read: {error}") from error
    except RegistryUnavailableError as error:
        raise LetterError(f"the schema registry is away: {error}") from error
    store = TimescaleStore(database_url, consumer=f"dead-letters/{letter.place}")
    try:
        _write_once(store, letter, Appended(event, letter.written_at))
    finally:
        store.close()


def _write_once(store: TimescaleStore, letter: Letter, appended: Appended) -> None:
    if store.next_offset(letter.topic, letter.record_partition) == 0:
        store.write(letter.topic, letter.record_partition, 0, letter.record_offset + 1, [appended])


def _letter(message: Message) -> Letter:
    headers = {name: value.decode("utf-8", "replace") for name, value in message.headers() or []}
    return Letter(
        partition=message.partition(),
        offset=message.offset(),
        written_at=message.timestamp()[1],
        topic=headers.get("topic", ""),
        record_partition=int(headers.get("partition", -1)),
        record_offset=int(headers.get("offset", -1)),
        camera_id=(message.key() or b"").decode("utf-8", "replace"),
        reason=headers.get("reason", ""),
        detail=headers.get("detail", ""),
        fold_version=headers.get("fold_version", ""),
        value=message.value() or b"",
    )
