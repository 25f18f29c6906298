"""A record as it stands in a topic, a record to be written, and why one was refused. What they mean is the fold's affair."""

from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.events import Refusal

Headers: TypeAlias = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """A record as it stands in the source topic."""

    topic: str
    partition: int
    offset: int
    appended_at: int  # UTC ms, by the broker
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to write; it goes to the partition its cause came from."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a record was not folded, as it was published."""

    reason: Refusal
    detail: str


def place(message: Message) -> dict[str, object]:
    """Where the record stands, for log lines."""
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}
