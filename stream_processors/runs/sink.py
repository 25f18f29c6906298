"""Where a run's results go: rows to ask questions of, and the facts as they would be published. It knows no engine but its seam."""

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from schemas.events import LineCrossed, ZoneEntered, ZoneExited, ZoneMinuteMeasured
from schemas.topics import topic_of
from stream_processors.projections import rules
from stream_processors.projections.binary import copy_data
from stream_processors.projections.rows import rows_of, seq_of
from stream_processors.projections.rules import Row, Rule
from stream_processors.replay.folding import Said
from stream_processors.runs.database import Session
from stream_processors.runs.run import AbandonedError

BATCH = 2_000
_FACTS = {
    "run_id": "text", "camera_id": "text", "topic": "text", "seq": "int8", "seq_index": "int4", "record": "text",
    "body": "bytea",
}  # fmt: skip
_RULES = frozenset({rules.ZONE_ENTERED, rules.ZONE_EXITED, rules.LINE_CROSSED, rules.ZONE_MINUTE})
_COPY = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")
# A beginning of the run anew waits for this, and then removes what was written.
_FENCE = "SELECT FROM replay_runs WHERE run_id = %s AND state = 'RUNNING' AND started_at = %s FOR SHARE"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a run, told from an earlier or later one by when it began."""

    run_id: str
    started_at: datetime

    def check(self, cursor: Cursor) -> None:
        """Hold the attempt until the transaction ends.

        Raises:
            AbandonedError: it is over.
        """
        cursor.execute(_FENCE, (self.run_id, self.started_at))
        if not cursor.rowcount:
            raise AbandonedError(f"run {self.run_id}: another worker has begun it anew, or it is to be dropped")


@dataclass(frozen=True, slots=True)
class RunSinks:
    """Makes the sink of a partition, in whatever process replays it."""

    database_url: str = field(repr=False)
    attempt: Attempt

    def __call__(self, partition: int) -> "RunSink":
        """The sink; all of them write the same tables."""
        del partition
        return RunSink(Session(self.database_url), self.attempt)


class RunSink:
    """A partition's results in the tables of the run. Each try begins with empty tables, so there is nothing to go on with."""

    def __init__(self, session: Session, attempt: Attempt) -> None:
        self._session = session
        self._attempt = attempt
        self._open: dict[tuple[str, str, int, int], ZoneEntered] = {}
        self._facts: list[Row] = []
        self._rows: defaultdict[Rule, list[Row]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if kind is None:
            for entered in self._open.values():
                self._add_row(entered)
            self._flush()
        self._session.close()

    def begin(self) -> bytes | None:
        """Nothing is kept."""
        return None

    def written(self) -> Iterator[Said]:
        """Nothing is kept."""
        return iter(())

    def write(self, said: Said) -> None:
        """Take up a fact of visits or minutes; a visit becomes a row when it ends, or when all is over."""
        match said.output:
            case ZoneEntered() as entered:
                self._open[_visit(entered)] = entered
            case ZoneExited() as exited:
                self._open.pop(_visit(exited), None)
                self._add_row(exited)
            case LineCrossed() | ZoneMinuteMeasured() as fact:
                self._add_row(fact)
            case _:
                return
        self._add_fact(said)
        if len(self._facts) >= BATCH:
            self._flush()

    def checkpoint(self, mark: bytes) -> None:
        """Make durable what was written; the mark is of no use to another try."""
        del mark
        self._flush()

    def _add_row(self, fact: ZoneEntered | ZoneExited | LineCrossed | ZoneMinuteMeasured) -> None:
        for rule, row in rows_of(fact, appended_at=0):
            if rule in _RULES:
                self._rows[rule].append(row)

    def _add_fact(self, said: Said) -> None:
        position, record = said.output.position, type(said.output).__name__
        place = seq_of(position), position.index
        self._facts.append((self._attempt.run_id, said.output.camera_id, topic_of(record), *place, record, said.body))

    def _flush(self) -> None:
        with self._session.transaction() as cursor:
            self._attempt.check(cursor)
            copy_rows(cursor, "run_facts", _FACTS, self._facts)
            for rule, rows in self._rows.items():
                types = {"run_id": "text", **rule.types}
                copy_rows(cursor, f"run_{rule.table}", types, ((self._attempt.run_id, *row) for row in rows))
        self._facts.clear()
        self._rows.clear()


def copy_rows(cursor: Cursor, table: str, types: dict[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows of these columns and types to a table."""
    columns = sql.SQL(", ").join(map(sql.Identifier, types))
    data = copy_data(tuple(types.values()), rows)
    cursor.copy_expert(_COPY.format(table=sql.Identifier(table), columns=columns), io.BytesIO(data))


def _visit(event: ZoneEntered | ZoneExited) -> tuple[str, str, int, int]:
    return event.camera_id, event.zone_id, event.track_no, event.entered_at
