"""Whether the log holds what the broker acknowledged, once each, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import CameraSilent
from schemas.wire import UndecodableError, Wire
from stream_processors.runtime.messages import Message
from tests.chaos.traffic import Place, Sent, digest


@dataclass(frozen=True, slots=True)
class Kept:
    """Records by what became of them; `silences` are the watchdog's own."""

    acknowledged: int
    missing: int
    unasked: int
    silences: int


def kept(sent: Sent, log: Iterable[Message], wire: Wire) -> Kept:
    """Hold the log against what was sent."""
    there: set[Place] = set()
    unasked = silences = 0
    for message in log:
        place = message.partition, message.offset
        if sent.acknowledged.get(place) == digest(message.key, message.value):
            there.add(place)
        elif _is_silence(wire, message.value):
            silences += 1
        else:
            unasked += 1
    return Kept(len(sent.acknowledged), len(sent.acknowledged.keys() - there), unasked, silences)


def _is_silence(wire: Wire, value: bytes | None) -> bool:
    try:
        return isinstance(wire.decode(value), CameraSilent)
    except UndecodableError:
        return False
