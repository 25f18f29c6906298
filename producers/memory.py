"""The twin of the camera log for tests and rehearsals: records kept in a list, as bytes of the same wire format."""

from collections.abc import Mapping

from producers.publisher import LogEntry, LogUnavailableError
from schemas.wire import Wire


class MemoryCameraLog:
    """Keeps (key, value, headers) in order of appending.

    Args:
        wire: frames the records.
        capacity: how many it takes before it is full; None for no limit.
    """

    def __init__(self, wire: Wire, *, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.records: list[tuple[bytes, bytes, dict[str, bytes]]] = []
        self._wire = wire

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record; see `CameraLog`."""
        if self.capacity is not None and len(self.records) >= self.capacity:
            raise LogUnavailableError(f"the log holds {self.capacity} records and is full")
        encoded = {name: value.encode() for name, value in (headers or {}).items()}
        self.records.append((entry.camera_id.encode(), self._wire.encode(entry), encoded))

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002 - a list has nothing to wait for
        """All is delivered."""
        return 0

    def close(self) -> None:
        """Nothing to stop."""
