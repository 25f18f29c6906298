"""What can go wrong when events are projected; the class says what to do next.

ProjectionError
├── FencedError      somebody else has written this partition: read the stored offset again and go on from there
├── TransientError   the database is away or busy: wait, then write the same again
└── BadRowError      an event of the batch cannot be stored, ever: find it and set it aside
"""


class ProjectionError(Exception):
    """A batch was not written; neither its rows nor its offset have changed anything."""


class FencedError(ProjectionError):
    """The stored offset is not the expected one."""

    def __init__(self, topic: str, partition: int, expected: int) -> None:
        super().__init__(f"{topic}/{partition} is no longer at offset {expected}: another writer has moved it")


class TransientError(ProjectionError):
    """The database could not do it now; `reason` is a short name with few values, for metrics."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class BadRowError(ProjectionError):
    """At least one event of the batch makes no row the database takes."""
