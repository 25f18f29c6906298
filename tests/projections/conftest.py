"""Both stores, and TimescaleDB's store in both editions that can be had freely; one suite runs over all of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from infra.local.stack import Stack
from schemas.events import Event
from schemas.settings import KafkaSettings
from schemas.topics import TRACKS
from stream_processors.projections.memory import MemoryStore
from stream_processors.projections.rules import RULES
from stream_processors.projections.store import ProjectionStore
from stream_processors.projections.timescale import TimescaleStore
from tests.projections.databases import EXTENSIONS, empty, fresh_database, query
from tests.projections.samples import NOON, appended
from tests.projections.site import Site

Rows: TypeAlias = list[dict[str, Any]]
EDITIONS = [pytest.param(edition, marks=pytest.mark.integration) for edition in EXTENSIONS]


class ReadModel:
    """A store and a look into its tables: rows as dictionaries, times in UTC ms, in an order that means nothing."""

    def __init__(self, store: ProjectionStore, rows: Callable[[str], Rows]) -> None:
        self.store = store
        self.rows = rows

    def project(self, *events: Event, topic: str = TRACKS, partition: int = 0, at: int = NOON) -> None:
        """Write events, appended at that time, as one batch that follows what is there."""
        offset = self.store.next_offset(topic, partition)
        self.store.write(topic, partition, offset, offset + len(events), appended(*events, at=at))

    def row(self, table: str) -> dict[str, Any]:
        """The only row of a table."""
        (row,) = self.rows(table)
        return row

    def all_rows(self) -> dict[str, set[str]]:
        """Everything in the read model, comparable."""
        tables = {rule.table for rule in RULES}
        return {table: {repr(sorted(row.items())) for row in self.rows(table)} for table in tables}

    def holds_what(self, twin: "ReadModel") -> bool:
        """Whether the rows are the twin's; a column the twin never wrote may hold the database's default."""
        return all(_same_rows(self.rows(table), twin.rows(table)) for table in {rule.table for rule in RULES})


def _same_rows(rows: Rows, twin: Rows) -> bool:
    unmatched = [row for row in rows if not any(row.items() >= expected.items() for expected in twin)]
    return len(rows) == len(twin) and not unmatched


@pytest.fixture(scope="session")
def database_of(stack: Stack) -> Iterator[Callable[[str], str]]:
    """Address of a migrated database without rows, by edition."""
    with ExitStack() as databases:
        made: dict[str, str] = {}

        def database(edition: str) -> str:
            if edition not in made:
                made[edition] = databases.enter_context(fresh_database(stack, edition))
            empty(made[edition])
            return made[edition]

        yield database


@pytest.fixture(params=EDITIONS)
def database_of_edition(request: pytest.FixtureRequest, database_of: Callable[[str], str]) -> str:
    """Address of a migrated database without rows, of each edition in turn."""
    return database_of(request.param)


@pytest.fixture(params=["memory", *EDITIONS])
def read_model(request: pytest.FixtureRequest) -> Iterator[ReadModel]:
    """Each store in turn."""
    if request.param == "memory":
        yield memory_model()
        return
    url = request.getfixturevalue("database_of")(request.param)
    store = TimescaleStore(url)
    yield ReadModel(store, lambda table: rows_in(url, table))
    store.close()


@pytest.fixture
def site(stack: Stack, kafka: KafkaSettings, database: str, tmp_path: Path) -> Site:
    """A camera and a database of its own; the projector's output is in `projector.log`."""
    return Site(stack, kafka, database, tmp_path / "projector.log")


def memory_model() -> ReadModel:
    """A read model in memory."""
    store = MemoryStore()

    def rows(table: str) -> Rows:
        json_columns = {name for name, kind in types_of(table).items() if kind == "jsonb"}
        return [
            {name: json.loads(value) if name in json_columns else value for name, value in row.items()}
            for row in store.tables[table]
        ]

    return ReadModel(store, rows)


def rows_in(url: str, table: str) -> Rows:
    """Rows of a table in the database as the twin would hold them."""
    types = types_of(table)
    columns = [_as_in_memory(name, kind) for name, kind in types.items()]
    return [dict(zip(types, row, strict=True)) for row in query(url, f"SELECT {', '.join(columns)} FROM {table}")]


def types_of(table: str) -> dict[str, str]:
    """Every column of a table that a rule writes, and its type."""
    return {name: kind for rule in RULES if rule.table == table for name, kind in rule.types.items()}


def _as_in_memory(name: str, kind: str) -> str:
    return f"(extract(epoch FROM {name}) * 1000)::bigint" if kind == "timestamptz" else name
