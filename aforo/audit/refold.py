"""Folds a camera log again, offline, and remembers everything the fold says. It must not know what was published."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.events import Event, FrameObserved, RecordRefused
from schemas.topics import CAMERA_EVENTS, DEAD_LETTERS
from schemas.wire import UndecodableError, Wire
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.domain.state import CameraState
from stream_processors.replay.exporting import BY_THE_SHELL
from stream_processors.runtime.messages import Message, Outgoing


@dataclass(frozen=True, slots=True)
class Letter:
    """A refused record as the dead letters must hold it."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Refolded:
    """What the fold says of a log.

    Attributes:
        outputs: every record for a derived topic, with its topic.
        letters: every record for the dead letters.
        refused: records that were not folded, by reason.
    """

    read: int = 0
    frames: int = 0
    refused_frames: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outputs: dict[tuple[str, bytes], Event] = field(default_factory=dict)
    letters: set[Letter] = field(default_factory=set)


def refold(log: Iterable[Message], fold: CameraFold, wire: Wire) -> Refolded:
    """Fold a log from its beginning."""
    refolded = Refolded()
    asyncio.run(_refold(refolded, log, fold, wire))
    return refolded


async def _refold(refolded: Refolded, log: Iterable[Message], fold: CameraFold, wire: Wire) -> None:
    states: dict[tuple[int, bytes], Guarded] = {}
    for message in log:
        place = message.partition, fold.key(message)
        before = states.get(place) or fold.new(place[1])
        states[place], outputs = await fold.apply(before, message)
        reason = _keep(refolded, message, outputs, wire) or _refusal(before.camera, states[place].camera)
        is_frame = _is_frame(wire, message.value)
        refolded.read += 1
        refolded.frames += is_frame
        if reason is not None:
            refolded.refused[reason] += 1
            refolded.refused_frames += is_frame


def _keep(refolded: Refolded, message: Message, outputs: Iterable[Outgoing], wire: Wire) -> str | None:
    """Remember what the fold says of a record; returns why the shell refused it, if it did."""
    reason = None
    for output in outputs:
        if output.topic == DEAD_LETTERS:
            refolded.letters.add(letter_of(message.partition, output))
        else:
            event = refolded.outputs[output.topic, output.value] = wire.decode(output.value)
            if output.topic == CAMERA_EVENTS and isinstance(event, RecordRefused) and event.reason in BY_THE_SHELL:
                reason = event.reason
    return reason


def letter_of(partition: int, stored: Message | Outgoing) -> Letter:
    """A dead letter, less what is in it for people."""
    named = dict(stored.headers)
    return Letter(
        named["topic"].decode(), partition, int(named["offset"]), named["reason"].decode(), stored.key, stored.value
    )


def _refusal(before: CameraState, after: CameraState) -> str | None:
    """Why the fold itself refused a record, if it did: only its counts say so."""
    return None if after.admission.refused == before.admission.refused else after.admission.refusing


def _is_frame(wire: Wire, value: bytes | None) -> bool:
    """Whether a record is a frame; one that could not be read is none."""
    try:
        return wire.knows(value) and isinstance(wire.decode(value), FrameObserved)
    except UndecodableError:
        return False
