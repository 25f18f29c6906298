"""What becomes of records that the live shell refused, when a replay reads them. It must not know how they are fetched."""

from collections.abc import Callable
from typing import TypeAlias

from schemas.events import CameraSilent, Command, FrameObserved, LogRecord, RecordRefused, Refusal
from schemas.wire import UndecodableError, Wire
from stream_processors.agents.intake import MAX_DETECTIONS, detections_of

# Faults that a newer release or the registry may have mended. Signatures are judged once, by the keys of their time.
MENDABLE: frozenset[Refusal] = frozenset({"UNDECODABLE", "UNKNOWN_SCHEMA", "POISON", "QUARANTINED"})

Judge: TypeAlias = Callable[[bytes | None, bytes | None, RecordRefused], LogRecord | None]
"""The record in a key and a value that were refused; None: the refusal stands."""


def stands(_key: bytes | None, _value: bytes | None, _refusal: RecordRefused) -> None:
    """Every refusal does."""


def judging_again(wire: Wire) -> Judge:
    """A judge by what this code and the registry know now.

    What must be signed comes back only if its signature had been found good, before the fold could not take it.
    """

    def judge(key: bytes | None, value: bytes | None, refusal: RecordRefused) -> LogRecord | None:
        if refusal.reason not in MENDABLE:
            return None
        try:
            event = wire.decode(value)
        except UndecodableError:
            return None
        if not isinstance(event, LogRecord) or key != event.camera_id.encode():
            return None
        if isinstance(event, Command | CameraSilent) and refusal.reason != "POISON":
            return None
        return None if isinstance(event, FrameObserved) and detections_of(event) > MAX_DETECTIONS else event

    return judge
