"""What a reader of the derived topics gets: of each camera, what lies above all it has had. It must not know the fold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.events import CameraSnapshot, Derived, Event, Fact, RangeRestated
from schemas.wire import Wire
from stream_processors.runtime.messages import Message

Place = tuple[int, int, int]  # epoch, offset, index
BEFORE_ALL = (-1, -1, -1)


@dataclass(slots=True)
class Published:
    """The derived topics as they were found.

    Attributes:
        events: every record of the live fold, by its topic and bytes.
        repeated: how many more times they stand there.
        kept: those that a reader gets who drops what is not above the last of its camera and topic.
        restated: records of adopted replay runs.
    """

    events: dict[tuple[str, bytes], Event] = field(default_factory=dict)
    repeated: int = 0
    kept: set[tuple[str, bytes]] = field(default_factory=set)
    restated: int = 0


def published(messages: Iterable[Message], wire: Wire, folded: Mapping[int, int]) -> Published:
    """Read derived topics; of each partition, what was caused below its offset in `folded` (of the camera log)."""
    seen = Published()
    highest: dict[tuple[str, int, str], Place] = {}
    for message in messages:
        event, record = wire.decode(message.value), (message.topic, message.value or b"")
        if is_restated(event):
            seen.restated += 1
            continue
        place = _place(event)
        if place[1] >= folded[message.partition]:
            continue
        seen.repeated += record in seen.events
        seen.events[record] = event
        reader = message.topic, message.partition, event.camera_id
        if place > highest.get(reader, BEFORE_ALL):
            highest[reader] = place
            seen.kept.add(record)
    return seen


def is_restated(event: Event) -> bool:
    """Whether a record comes from an adopted replay run and not from the live fold."""
    return isinstance(event, RangeRestated) or (isinstance(event, Fact) and event.restatement > 0)


def _place(event: Event) -> Place:
    if isinstance(event, CameraSnapshot):
        return event.epoch, event.next_offset, 0
    if isinstance(event, Derived):
        return event.position.epoch, event.position.offset, event.position.index
    raise TypeError(f"{type(event).__name__} does not belong in a derived topic")
