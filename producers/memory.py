"""Twins for tests and rehearsals: a camera log that keeps its records, and a broker that answers as it is told."""

from collections.abc import Mapping

from producers.publisher import LogEntry
from producers.sender import Outcome, Settle
from producers.spool import Message
from schemas.wire import Wire


class MemoryCameraLog:
    """Keeps (key, value, headers) in order of appending, as bytes of the same wire format.

    Args:
        wire: frames the records.
    """

    def __init__(self, wire: Wire) -> None:
        self.records: list[tuple[bytes, bytes, dict[str, bytes]]] = []
        self._wire = wire

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record; see `CameraLog`."""
        encoded = {name: value.encode() for name, value in (headers or {}).items()}
        self.records.append((entry.camera_id.encode(), self._wire.encode(entry), encoded))

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002 - a list has nothing to wait for
        """All is delivered."""
        return 0

    def close(self) -> None:
        """Nothing to stop."""


class MemorySender:
    """A broker in memory; see `Sender`.

    While it is `away`, messages stay on their way; `verdict` is what becomes of each once it is not, and `batch` what it
    came with.
    """

    def __init__(self) -> None:
        self.delivered: list[Message] = []
        self.sent: list[int] = []
        self.away = False
        self.full = False
        self.closed = False
        self.batch: list[Message] = []
        self._on_way: list[Message] = []

    def verdict(self, message: Message) -> Outcome:  # noqa: ARG002 - for tests to replace
        """What becomes of the message."""
        return "delivered"

    def send(self, message: Message) -> bool:
        """Take it, unless it is full."""
        if self.full:
            return False
        self.sent.append(message.number)
        self._on_way.append(message)
        return True

    def poll(self, settle: Settle) -> None:
        """Settle all that is on its way, unless it is away."""
        if self.away:
            return
        self.batch, self._on_way = self._on_way, []
        for message in self.batch:
            outcome = self.verdict(message)
            if outcome == "delivered":
                self.delivered.append(message)
            settle(message.number, outcome, "as told")

    def close(self) -> None:
        """Drop what is on its way."""
        self.closed = True
