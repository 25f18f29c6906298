"""Brings records of the topics into a read model: decodes, writes, waits while something is away, sets aside what is bad.

It blocks, so it belongs in a thread of its own. It must not know Faust, nor which database the store is.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol, TypeVar

import structlog

from schemas.events import Event
from schemas.patience import NotYetError, PatientReader
from schemas.wire import UndecodableError, UnknownSchemaError, Wire
from stream_processors.projections.errors import BadRowError, FencedError, TransientError
from stream_processors.projections.store import Appended, ProjectionStore
from stream_processors.runtime import fail_points, metrics

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 15.0

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class SourceRecord(NamedTuple):
    """A record as it stands in its topic; `appended_at` is the broker's, UTC ms."""

    topic: str
    partition: int
    offset: int
    appended_at: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012 - a NamedTuple's default; nobody changes it


class Readable(NamedTuple):
    """A record and what it says."""

    record: SourceRecord
    event: Event


class Span(NamedTuple):
    """A stretch of one partition, from the first offset to the one after its last."""

    topic: str
    partition: int
    start: int
    end: int


class DeadLetters(Protocol):
    """Where records go that nobody can take."""

    def set_aside(self, record: SourceRecord, reason: str, detail: str) -> None:
        """Return when the record is safe there."""
        ...


class StoppedError(Exception):
    """The worker ends while it waits for a service; what was not written will be delivered again."""


class GapError(RuntimeError):
    """The topic still holds records that were neither written nor delivered; going on would lose them."""


def delays(jitter: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each next try: doubling up to 15, of each between half and all, as `jitter` (0..1) says."""
    longest = _FIRST_DELAY_S
    while True:
        yield longest * (1 + jitter()) / 2
        longest = min(2 * longest, _LONGEST_DELAY_S)


class Projector:
    """Projects batches of records, each partition in its order. For one thread.

    Args:
        store: the read model.
        wire: reads the records.
        dead_letters: takes what cannot be read or stored.
        first_offset: the oldest offset that a partition of a topic still has.
        wait: sleeps for so many seconds; True when the worker ends.
        now: seconds of the clock that `wait` lets pass.
    """

    def __init__(
        self,
        store: ProjectionStore,
        wire: Wire,
        dead_letters: DeadLetters,
        first_offset: Callable[[str, int], int],
        wait: Callable[[float], bool],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._reader = PatientReader(wire, now)
        self._dead_letters = dead_letters
        self._first_offset = first_offset
        self._wait = wait
        self._next: dict[tuple[str, int], int] = {}

    def project(self, records: Iterable[SourceRecord]) -> None:
        """Return when each record is in the read model or set aside.

        Raises:
            StoppedError: the worker ends, and something it needs is away.
            GapError: delivery has skipped records; start again from the read model's own offset.
        """
        ordered = sorted(records, key=attrgetter("topic", "partition", "offset"))
        for (topic, partition), batch in groupby(ordered, attrgetter("topic", "partition")):
            self._project_partition(topic, partition, list(batch))

    def forget(self) -> None:
        """Partitions have come or gone: ask the read model again how far each is."""
        self._next.clear()

    def _project_partition(self, topic: str, partition: int, records: list[SourceRecord]) -> None:
        """Once, as a rule; again from where the other writer got to, when there was one."""
        while fresh := self._not_written(topic, partition, records):
            span = Span(topic, partition, self._next[topic, partition], fresh[-1].offset + 1)
            try:
                self._write(self._readable(fresh), span)
            except FencedError as error:
                log.warning("another writer had the partition", detail=str(error))
                del self._next[topic, partition]
            else:
                metrics.PROJECTED.labels(topic).inc(len(fresh))

    def _not_written(self, topic: str, partition: int, records: list[SourceRecord]) -> list[SourceRecord]:
        next_offset = self._next_offset(topic, partition)
        fresh = [record for record in records if record.offset >= next_offset]
        for record in fresh:
            if record.offset > next_offset and self._first_offset(topic, partition) < record.offset:
                raise GapError(
                    f"{topic}/{partition}: offset {next_offset} should have come, but {record.offset} came, although the "
                    "topic still has older records; starting again from the read model's offset"
                )
            next_offset = record.offset + 1
        return fresh

    def _next_offset(self, topic: str, partition: int) -> int:
        if (topic, partition) not in self._next:
            self._next[topic, partition] = self._patiently(lambda: self._store.next_offset(topic, partition))
        return self._next[topic, partition]

    def _readable(self, records: Iterable[SourceRecord]) -> list[Readable]:
        """What can be read of the records; the rest is set aside."""
        readable = []
        for record in records:
            try:
                readable.append(Readable(record, self._patiently(partial(self._reader.decode, record.value))))
            except UndecodableError as error:
                reason = "UNKNOWN_SCHEMA" if isinstance(error, UnknownSchemaError) else "UNDECODABLE"
                self._set_aside(record, reason, str(error))
        return readable

    def _write(self, batch: Sequence[Readable], span: Span) -> None:
        """Write a span; when it holds what cannot be stored, halve it until that stands alone."""
        try:
            self._store_span([Appended(each.event, each.record.appended_at) for each in batch], span)
        except BadRowError as error:
            if len(batch) == 1:
                self._set_aside(batch[0].record, "BAD_ROW", str(error))
                self._store_span([], span)
            else:
                middle = len(batch) // 2
                border = batch[middle].record.offset
                self._write(batch[:middle], span._replace(end=border))
                self._write(batch[middle:], span._replace(start=border))

    def _store_span(self, events: list[Appended], span: Span) -> None:
        self._patiently(lambda: self._store.write(*span, events))
        fail_points.reached("after-rows")
        self._next[span.topic, span.partition] = span.end

    def _patiently(self, action: Callable[[], Result]) -> Result:
        """The result of `action`, tried again for as long as the database or the registry is away."""
        for delay in delays():
            try:
                return action()
            except (TransientError, NotYetError) as error:
                reason = error.reason if isinstance(error, TransientError) else "registry"
                metrics.PROJECTION_RETRIES.labels(reason).inc()
                log.warning(
                    "cannot project now; trying again", reason=reason, detail=str(error), wait_s=round(delay, 1)
                )
            self._pause(delay)
        raise AssertionError("delays never end")

    def _pause(self, seconds: float) -> None:
        if self._wait(seconds):
            raise StoppedError("the worker ends while it waits; nothing is lost, the records will be delivered again")

    def _set_aside(self, record: SourceRecord, reason: str, detail: str) -> None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.error("record set aside", reason=reason, detail=detail, **place)
        self._dead_letters.set_aside(record, reason, detail)
