"""Holds the read model against its twin in memory, row by row and column by column, for what the live fold says."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from schemas.events import Event
from stream_processors.projections.memory import MemoryStore
from stream_processors.projections.rules import RANGE_RESTATED, RULES
from stream_processors.projections.store import Appended

Row = Mapping[str, Any]
Rows = dict[tuple[Any, ...], Row]
_COLUMN = {
    "timestamptz": "(extract(epoch FROM {column}) * 1000)::bigint AS {column}",
    "jsonb": "{column}::text AS {column}",
}


@dataclass(slots=True)
class Compared:
    """How many rows there must be in each table, and those that are not as they must be."""

    rows: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def compare(events: Iterable[tuple[str, Event]], database_url: str) -> Compared:
    """Hold every table against what `events`, with their topics and in the order of each camera, make of it."""
    twin = MemoryStore()
    for number, (topic, event) in enumerate(events):
        twin.write(topic, 0, twin.next_offset(topic, 0), number + 1, [Appended(event, 0)])
    compared = Compared()
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        for table, key, types in _tables():
            wanted: Rows = {tuple(row[column] for column in key): row for row in twin.tables[table]}
            compared.rows[table] = len(wanted)
            compared.wrong += _differences(table, wanted, _stored(connection, table, key, types), types)
    return compared


def _tables() -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Each table, the columns of its key, and the types of all columns that a live event writes."""
    keys = {rule.table: tuple(rule.key) for rule in RULES if rule.creates}
    del keys[RANGE_RESTATED.table]
    for table, key in keys.items():
        yield table, key, {name: kind for rule in RULES if rule.table == table for name, kind in rule.types.items()}


def _stored(connection: Connection, table: str, key: tuple[str, ...], types: dict[str, str]) -> Rows:
    columns = ", ".join(_COLUMN.get(kind, "{column}").format(column=name) for name, kind in types.items())
    live = " WHERE restatement = 0" if "restatement" in types else ""
    rows = connection.execute(text(f"SELECT {columns} FROM {table}{live}")).mappings()  # noqa: S608 - names of the rules
    return {tuple(row[column] for column in key): dict(row) for row in rows}


def _differences(table: str, wanted: Rows, stored: Rows, types: dict[str, str]) -> list[str]:
    """What is missing, what nobody asked for, and what differs."""
    missing = [f"{table}: no row {key}" for key in wanted.keys() - stored.keys()]
    unasked = [f"{table}: a row {key} that nothing in the log means" for key in stored.keys() - wanted.keys()]
    different = [
        f"{table}: {key} holds {wrong} (found, wanted)"
        for key in wanted.keys() & stored.keys()
        if (wrong := _wrong_columns(wanted[key], stored[key], types))
    ]
    return [*missing, *unasked, *different]


def _wrong_columns(wanted: Row, stored: Row, types: dict[str, str]) -> dict[str, tuple[Any, Any]]:
    """Found and wanted values that differ; a column that the twin has not written holds the table's default."""
    pairs = {name: (_plain(stored[name], types[name]), _plain(value, types[name])) for name, value in wanted.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _plain(value: Any, kind: str) -> Any:
    return json.loads(value) if kind == "jsonb" and value is not None else value
