"""How the query functions ask: one statement with named parameters, rows as mappings."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, text


def rows(connection: Connection, sql: str, **parameters: Any) -> Sequence[RowMapping]:
    """All rows of one statement."""
    return connection.execute(text(sql), parameters).mappings().all()


def first(connection: Connection, sql: str, **parameters: Any) -> RowMapping | None:
    """The first row of one statement, or None."""
    return connection.execute(text(sql), parameters).mappings().first()


def following(key: dict[str, Any] | None, columns: Sequence[str], operator: str) -> str:
    """The condition that a row comes after `key` in the order of `columns`; `operator` is < for descending, > for ascending."""
    if key is None:
        return "true"
    return f"({', '.join(columns)}) {operator} ({', '.join(f':{column}' for column in columns)})"
