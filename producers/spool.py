"""Messages on disk until the broker has them, in the order of their coming: one SQLite file. It knows no broker.

In WAL mode with synchronous=NORMAL a commit survives the end of the process at any moment; a power cut may take the last
commits and damages nothing (https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

_COLUMNS = "number, camera_id, session, seq, observed_at, value, headers"
_PAGE_BYTES = 8192
_OPEN = f"""
PRAGMA page_size = {_PAGE_BYTES};
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 67108864;
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY,
    camera_id TEXT NOT NULL,
    session TEXT NOT NULL,
    seq INTEGER,
    observed_at INTEGER NOT NULL,
    value BLOB NOT NULL,
    headers BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS refused (why TEXT NOT NULL, {_COLUMNS});
"""
_ABOVE = f"SELECT {_COLUMNS} FROM message WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 - our own names
_KEEP = f"INSERT INTO message ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - the same
# Nobody comes for the thousandth message that is too large; the last ones show what is wrong.
_REFUSED_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """One record of a camera's log as it goes to the broker.

    Attributes:
        number: its place among all of this edge's, greater than every one before; 0: not numbered yet.
        camera_id: the key.
        session: the frame's session; empty for other records.
        seq: the frame's number in it; None for other records.
        observed_at: event time, UTC ms.
        value: Confluent framing and Avro.
        headers: as they are sent.
    """

    number: int
    camera_id: str
    session: str
    seq: int | None
    observed_at: int
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """What can be said of messages given up: those of one camera and session, in their order."""

    first: Message
    last: Message
    messages: int


class SpoolError(Exception):
    """The spool does not do what it was asked.

    - `SpoolInUseError`: another process holds the file.
    - `SpoolDamagedError`: the file is broken, or no spool; set it aside and begin anew.
    - `SpoolFaultError`: the disk is full or fails; the same call may succeed later.
    """


class SpoolInUseError(SpoolError):
    """Another process holds the file."""


class SpoolDamagedError(SpoolError):
    """The file is broken."""


class SpoolFaultError(SpoolError):
    """The disk does not take it, now."""


class Spool:
    """The messages of one edge. For one thread at a time.

    Args:
        path: the file; made when it is missing.

    Raises:
        SpoolError: one of its kinds, here and in every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=0.1, check_same_thread=False)
        try:
            with _named(path):
                self._database.executescript(_OPEN)
            self.above(0, 1)
        except SpoolError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        self._database.close()

    def append(self, messages: Sequence[Message]) -> int:
        """Keep these after all before them; once this returns they survive the end of the process. How many they are."""
        with _named(self.path), self._database:
            self._database.executemany(_KEEP, map(_row, messages))
        return len(messages)

    def above(self, number: int, limit: int) -> list[Message]:
        """The first messages above this number, at most so many."""
        with _named(self.path):
            return [_message(row) for row in self._database.execute(_ABOVE, (number, limit))]

    def delete(self, above: int, through: int) -> int:
        """Forget the messages in (above, through]; an empty spool gives its room back to the disk. How many there were."""
        with _named(self.path), self._database:
            deleted = self._database.execute("DELETE FROM message WHERE number > ? AND number <= ?", (above, through))
        if not self.last:
            with _named(self.path):
                self._database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
        return deleted.rowcount

    def refuse(self, message: Message, why: str) -> int:
        """Keep a message that the broker will never take, for people to look at; the number of the newest kept."""
        with _named(self.path), self._database:
            self._database.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (why, *_row(message)))
            self._database.execute(
                "DELETE FROM refused WHERE rowid <= (SELECT max(rowid) FROM refused) - ?", (_REFUSED_KEPT,)
            )
        return message.number

    @property
    def first(self) -> int:
        """The lowest number in it; 0 when it is empty."""
        return self._number("SELECT coalesce(min(number), 0) FROM message")

    @property
    def last(self) -> int:
        """The highest number in it; 0 when it is empty."""
        return self._number("SELECT coalesce(max(number), 0) FROM message")

    @property
    def bytes(self) -> int:
        """What the messages take of the disk, the journal not counted."""
        return _PAGE_BYTES * (self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count"))

    def _number(self, query: str) -> int:
        with _named(self.path):
            return int(self._database.execute(query).fetchone()[0])


def readable(path: Path, above: int) -> Iterator[Message]:
    """The messages above this number in a broken spool, up to the first place that is broken."""
    with suppress(sqlite3.Error, msgspec.DecodeError), closing(sqlite3.connect(path)) as database:
        for row in database.execute(_ABOVE, (above, -1)):
            yield _message(row)


def set_aside(path: Path) -> None:
    """Move a broken spool to `<path>.damaged`, in place of an older one.

    Raises:
        SpoolFaultError: it cannot be moved.
    """
    with _named(path):
        for suffix in ("", "-wal"):
            part = Path(f"{path}{suffix}")
            if part.exists():
                part.replace(f"{path}.damaged{suffix}")


def spans(messages: Iterable[Message]) -> list[Span]:
    """What can be said of messages in their order: one span for each camera and session."""
    groups: dict[tuple[str, str], Span] = {}
    for message in messages:
        key = message.camera_id, message.session
        known = groups.get(key)
        groups[key] = Span(known.first, message, known.messages + 1) if known else Span(message, message, 1)
    return list(groups.values())


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Faults of the file as our own."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _kind(error)(f"spool {path}: {error}") from error
    except OSError as error:
        raise SpoolFaultError(f"spool {path}: {error.strerror}") from error


def _kind(error: sqlite3.DatabaseError) -> type[SpoolError]:
    match error.sqlite_errorcode & 0xFF:  # the primary code; extended ones add detail above it
        case sqlite3.SQLITE_BUSY:
            return SpoolInUseError
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return SpoolDamagedError
        case _:
            return SpoolFaultError


def _row(message: Message) -> tuple[Any, ...]:
    headers = msgspec.msgpack.encode(message.headers)
    return (
        message.number, message.camera_id, message.session, message.seq, message.observed_at, message.value, headers,
    )  # fmt: skip


def _message(row: Any) -> Message:
    number, camera_id, session, seq, observed_at, value, headers = row
    sent_with = msgspec.msgpack.decode(headers, type=dict[str, bytes])
    return Message(number, camera_id, session, seq, observed_at, value, sent_with)
