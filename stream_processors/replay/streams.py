"""What a fold is fed with, read from the topics of one partition: records of the log, or what they caused. Nothing is folded here."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, takewhile
from operator import attrgetter
from typing import TypeVar, get_args

from schemas.events import Derived, Event, Position, RecordRefused
from schemas.registry import RegistryUnavailableError
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, TRACKS
from schemas.wire import UndecodableError, Wire
from stream_processors.domain.zone_replay import Cause
from stream_processors.replay.broker import Broker
from stream_processors.replay.errors import BrokerError, ExportError, InputError
from stream_processors.replay.exporting import BY_THE_SHELL, Place, Stored, records
from stream_processors.replay.judging import judging_again, stands
from stream_processors.replay.lines import Logged
from stream_processors.runtime.effects import first_effect
from stream_processors.runtime.partitioning import Partitioning

SKEW_MS = 60_000  # between the clocks of two brokers: an output is appended after its cause, but perhaps by another
Wanted = Callable[[Stored], bool]
Made = TypeVar("Made", bound=Derived)
_CAUSES = get_args(Cause)


class Verdicts:
    """What the live shell did not let through, read alongside the log and held no longer than needed."""

    def __init__(self, refused: Iterator[RecordRefused]) -> None:
        self._refused = refused
        self._next = next(refused, None)

    def get(self, place: Place, /) -> RecordRefused | None:
        """The refusal of a record; places must ascend."""
        while self._next is not None and _place(self._next) < place:
            self._next = next(self._refused, None)
        return self._next if self._next is not None and _place(self._next) == place else None


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one partition."""

    broker: Broker
    wire: Wire
    partition: int
    partitioning: Partitioning = field(default_factory=Partitioning)

    def logged(self, start: int, end: int, wanted: Wanted, *, judge_again: bool = False) -> Iterator[Logged]:
        """The wanted records of the log in [start, end); with `judge_again` those of the refused ones, too, that can be read now.

        Raises:
            BrokerError: the broker is away, or retention took `start`.
            InputError: a record that nobody refused is none of a camera's log.
        """
        if start >= end:
            return
        camera_events = filter(wanted, self.since(CAMERA_EVENTS, start))
        said = (decoded(self.wire, CAMERA_EVENTS, message) for message in camera_events)
        refused = (each for each in said if isinstance(each, RecordRefused) and each.reason in BY_THE_SHELL)
        log = filter(wanted, self.broker.read(CAMERA_LOG, self.partition, start, end))
        verdicts, judge = Verdicts(_ascending(refused)), judging_again(self.wire) if judge_again else stands
        try:
            yield from records(log, self.wire, self.partitioning, verdicts, frozenset(), judge=judge)
        except ExportError as error:
            raise InputError(f"{CAMERA_LOG}, {error}") from error

    def caused(self, start: int, end: int, wanted: Wanted) -> Iterator[list[Cause]]:
        """What the wanted records of the log in [start, end) caused, as far as zones depend on it; a list for each record.

        Raises:
            BrokerError: the broker is away.
            InputError: a record cannot be read.
        """
        if start >= end:
            return
        sources = [
            _ascending(_causes(filter(wanted, self.since(topic, start)), self.wire, topic))
            for topic in (TRACKS, CAMERA_EVENTS)
        ]
        merged = merge(*sources, key=attrgetter("position"))
        known = takewhile(lambda each: each.position.offset < end, merged)
        for offset, several in groupby(known, key=attrgetter("position.offset")):
            if offset >= start:
                yield list(several)

    def since(self, topic: str, offset: int) -> Iterator[Stored]:
        """All that was derived from the log from `offset` on, and a little before, up to the topic's present end.

        Raises:
            BrokerError: the broker is away, or retention took `offset`.
        """
        (first,) = self.broker.read(CAMERA_LOG, self.partition, offset, offset + 1)
        cause = Position(
            epoch=self.partitioning.epoch(self.partition, offset), partition=self.partition, offset=offset, index=0
        )
        begin, end = self.broker.bounds(topic, self.partition)

        def follows(derived: int) -> bool:
            (said,) = self.broker.read(topic, self.partition, derived, derived + 1)
            try:
                event = self.wire.decode(said.value)
            except UndecodableError:
                return True  # it tells nothing, so look before it
            return isinstance(event, Derived) and event.position >= cause

        guess = self.broker.since(topic, self.partition, first.appended_at - SKEW_MS)
        return self.broker.read(topic, self.partition, first_effect(guess, begin, follows), end)


@contextmanager
def registry_asked() -> Iterator[None]:
    """Whoever reads in this context may ask the registry for a schema.

    Raises:
        BrokerError: the registry is away.
    """
    try:
        yield
    except RegistryUnavailableError as error:
        raise BrokerError(f"{error}; is the registry up?") from error


def decoded(wire: Wire, topic: str, message: Stored) -> Event:
    """The record in a message of a derived topic.

    Raises:
        InputError: it is none.
    """
    try:
        return wire.decode(message.value)
    except UndecodableError as error:
        raise InputError(f"{topic}, partition {message.partition}, offset {message.offset}: {error}") from error


def _causes(messages: Iterable[Stored], wire: Wire, topic: str) -> Iterator[Cause]:
    """What the live fold said; an adopted run's tracks are no input of a replay."""
    for message in messages:
        event = decoded(wire, topic, message)
        if isinstance(event, _CAUSES) and not getattr(event, "restatement", 0):
            yield event


def _ascending(events: Iterator[Made]) -> Iterator[Made]:
    """Each once: after a crash the live fold repeats itself byte for byte."""
    last: Position | None = None
    for each in events:
        if last is None or each.position > last:
            last = each.position
            yield each


def _place(refused: RecordRefused) -> Place:
    return refused.position.partition, refused.position.offset
