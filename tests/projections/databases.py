"""Databases of each edition for tests: migrated once a session, then copied or emptied for each test."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import psycopg2

from infra.local.stack import Stack
from infra.timescale.migrate import upgrade
from stream_processors.projections.rules import RULES
from stream_processors.projections.timescale import libpq_url

EXTENSIONS: dict[str, tuple[str, ...]] = {"plain": (), "apache": ("timescaledb",)}
TABLES = sorted({rule.table for rule in RULES} | {"ingest_offsets", "zone_hours"})


@contextmanager
def new_database(stack: Stack, edition: str) -> Iterator[str]:
    """Address of a database without tables, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    stack.timescale.ensure_database(name, *EXTENSIONS[edition])
    try:
        yield stack.database_url(name)
    finally:
        stack.timescale.drop_database(name)


@cache
def template(stack: Stack, edition: str) -> str:
    """Name of a migrated database of that edition, to copy from."""
    name = f"template_{edition}_{uuid.uuid4().hex[:8]}"
    stack.timescale.ensure_database(name, *EXTENSIONS[edition])
    assert upgrade(stack.database_url(name)) == edition
    stack.timescale.close_database(name)
    return name


@contextmanager
def fresh_database(stack: Stack, edition: str) -> Iterator[str]:
    """Address of a migrated database without rows, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    stack.timescale.create_database(name, template(stack, edition))
    try:
        yield stack.database_url(name)
    finally:
        stack.timescale.drop_database(name)


def empty(database_url: str) -> None:
    """Remove every row of the read model."""
    query(database_url, "; ".join(f"DELETE FROM {table}" for table in TABLES))


def query(database_url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a statement answers, on a connection of its own; committed."""
    with closing(psycopg2.connect(libpq_url(database_url))) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
