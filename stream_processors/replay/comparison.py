"""Compares what a replay says with what was published, record by record, and by camera, topic and hour. It must not know Kafka."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from schemas.events import Event, Output, Position, RangeRestated
from schemas.topics import topic_of
from schemas.wire import to_avro
from stream_processors.replay.digests import digest
from stream_processors.replay.exporting import Stored
from stream_processors.replay.folding import Folded, Said
from stream_processors.replay.span import event_time

HOUR_MS = 3_600_000
_FRAME_BYTES = 5  # before the Avro body: magic byte and schema id
_SHOWN = 80


@dataclass(slots=True)
class Side:
    """What one side says of a camera, topic and hour."""

    records: int = 0
    digest: "blake2b" = field(default_factory=digest)

    def add(self, body: bytes) -> None:
        """Take up a record."""
        self.records += 1
        self.digest.update(body)


@dataclass(slots=True)
class Hour:
    """Both sides of a camera, topic and hour."""

    replayed: Side = field(default_factory=Side)
    published: Side = field(default_factory=Side)

    @property
    def agrees(self) -> bool:
        """Whether both say the same bytes."""
        return self.replayed.digest.digest() == self.published.digest.digest()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A record that differs: its topic, where it stands there (None: it is missing), its cause in the log, and how."""

    topic: str
    offset: int | None
    position: Position
    what: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A published record, and its body as this code's schema has it."""

    offset: int
    event: Output
    body: bytes


class Comparison:
    """One partition: the replay step by step beside the topics as they stand."""

    def __init__(
        self,
        published: Mapping[str, Iterator[Stored]],
        decode: Callable[[str, Stored], Event],
        took: Callable[[str, int], bool],
    ) -> None:
        """Set the sides up.

        Args:
            published: by topic, its messages in order.
            decode: the record in a message of a topic.
            took: whether the replay took the record of a camera at an offset of the log.
        """
        self.hours: defaultdict[tuple[str, str, int], Hour] = defaultdict(Hour)
        self.first: dict[str, Disagreement] = {}  # of each camera
        self._watermarks: dict[str, int] = {}
        self._topics = {topic: _Topic(messages, partial(decode, topic), took) for topic, messages in published.items()}

    def add(self, folded: Folded) -> None:
        """Compare what was said of one record of the log."""
        self._watermarks[folded.camera_id] = folded.watermark
        for said in folded.said:
            topic = topic_of(type(said.output).__name__)
            extras, found = self._topics[topic].take(said)
            self._only_published(topic, extras)
            self._compare(topic, said, found)

    def finish(self, end: Position) -> None:
        """The replay is over: what was published of causes before `end` and is left is too much."""
        for name, topic in self._topics.items():
            self._only_published(name, topic.rest(end))

    def _compare(self, topic: str, said: Said, found: _Found | None) -> None:
        hour = self._hour(topic, said.output)
        hour.replayed.add(said.body)
        if found is None:
            self._disagree(topic, None, said.output, f"{type(said.output).__name__} is missing")
            return
        hour.published.add(found.body)
        if found.body != said.body:
            self._disagree(topic, found.offset, said.output, first_difference(found.event, said.output))

    def _only_published(self, topic: str, extras: Iterable[_Found]) -> None:
        for extra in extras:
            self._hour(topic, extra.event).published.add(extra.body)
            what = f"{type(extra.event).__name__} was published, but the log does not cause it"
            self._disagree(topic, extra.offset, extra.event, what)

    def _hour(self, topic: str, output: Output) -> Hour:
        at = event_time(output, self._watermarks.get(output.camera_id, 0))
        return self.hours[output.camera_id, topic, at // HOUR_MS]

    def _disagree(self, topic: str, offset: int | None, output: Output, what: str) -> None:
        self.first.setdefault(output.camera_id, Disagreement(topic, offset, output.position, what))


class _Topic:
    """A topic's live records in order, each once: what a worker repeated after a crash or a run restated is passed over."""

    def __init__(
        self, messages: Iterator[Stored], decode: Callable[[Stored], Event], took: Callable[[str, int], bool]
    ) -> None:
        self._messages = messages
        self._decode = decode
        self._took = took
        self._next = next(messages, None)
        self._last: Position | None = None

    def take(self, said: Said) -> tuple[list[_Found], _Found | None]:
        """What was published before the record's place, and the record in its place if there is one."""
        extras: list[_Found] = []
        while self._next is not None:
            if self._next.value is not None and self._next.value[_FRAME_BYTES:] == said.body:
                return extras, self._taken(_Found(self._next.offset, said.output, said.body))
            found = self._live(self._next)
            if found is not None and found.event.position > said.output.position:
                break
            if found is not None and found.event.position == said.output.position:
                return extras, self._taken(found)
            extras += self._passed(found)
        return extras, None

    def rest(self, end: Position) -> list[_Found]:
        """What is left of causes before `end`."""
        extras: list[_Found] = []
        while self._next is not None:
            found = self._live(self._next)
            if found is not None and found.event.position >= end:
                break
            extras += self._passed(found)
        return extras

    def _passed(self, found: _Found | None) -> list[_Found]:
        if found is None:
            self._next = next(self._messages, None)
            return []
        return [self._taken(found)]

    def _taken(self, found: _Found) -> _Found:
        self._last = found.event.position
        self._next = next(self._messages, None)
        return found

    def _live(self, message: Stored) -> _Found | None:
        event: Any = self._decode(message)
        if isinstance(event, RangeRestated) or restatement_of(event):
            return None
        repeated = self._last is not None and event.position <= self._last
        if repeated or not self._took(event.camera_id, event.position.offset):
            return None
        return _Found(message.offset, event, to_avro(event))


def restatement_of(event: Event) -> int:
    """Which restatement a fact belongs to; what the live fold says is none."""
    return int(getattr(event, "restatement", 0))


def first_difference(published: Any, replayed: Any, path: str = "") -> str:
    """Where two records differ first, and what each says there."""
    for name, (one, other) in _parts(published, replayed, path):
        if one != other:
            return first_difference(one, other, name)
    return f"{path or 'record'}: published {_shown(published)}, replayed {_shown(replayed)}"


def _parts(one: Any, other: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(one, msgspec.Struct) and type(one) is type(other):
        for name in one.__struct_fields__:
            yield f"{path}.{name}".lstrip("."), (getattr(one, name), getattr(other, name))
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        yield from ((f"{path}[{index}]", each) for index, each in enumerate(zip(one, other, strict=True)))


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
