"""Dead letters as a list."""

from stream_processors.projections.projector import SourceRecord


class Letters:
    """What was set aside: offset and reason."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, str]] = []

    def set_aside(self, record: SourceRecord, reason: str, detail: str) -> None:
        assert detail
        self.taken.append((record.offset, reason))
