"""What holds of facts that were restated: the views, row by row, and the spans of time, against the rule said in Python."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class in spite of its name

from infra.local.stack import Stack
from schemas.topics import TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.timescale import libpq_url
from tests.projections.databases import fresh_database

pytestmark = pytest.mark.integration

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARKED_AT = datetime(2026, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CAMERA = "door"
# Each table with its time of a fact, and the topic whose marks void it.
TABLES = {
    "tracks": ("started_at", TRACKS),
    "track_positions": ("second", TRACKS),
    "zone_visits": ("entered_at", ZONE_VISITS),
    "line_crossings": ("crossed_at", ZONE_VISITS),
    "zone_minutes": ("minute", ZONE_MINUTES),
}
VALUES = {"text": "''", "timestamp with time zone": "timestamptz '2026-01-01'"}  # all others are numbers


@dataclass(frozen=True)
class Mark:
    restatement: int
    first: int
    past: int


Fact = tuple[int, int]  # minutes after noon, restatement


def holds(fact: Fact, marks: list[Mark]) -> bool:
    """The rule: of the restatements whose range the fact lies in, only the highest counts; without any, 0 does."""
    at, restatement = fact
    return restatement == max((mark.restatement for mark in marks if mark.first <= at < mark.past), default=0)


@pytest.fixture(scope="module")
def database_of_module(stack: Stack) -> Iterator[Connection]:
    with fresh_database(stack, "apache") as url, closing(psycopg2.connect(libpq_url(url))) as connection:
        yield connection


@pytest.fixture
def read_model(database_of_module: Connection) -> Connection:
    """A connection in one transaction that is never committed."""
    database_of_module.rollback()
    return database_of_module


def ask(read_model: Connection, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with read_model.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def restate(read_model: Connection, topic: str, *marks: Mark, camera: str = CAMERA) -> None:
    for mark in marks:
        ask(
            read_model,
            "INSERT INTO restatements VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0)",
            camera, topic, mark.restatement, f"run-{mark.restatement}", NOON + mark.first * MINUTE,
            NOON + mark.past * MINUTE, MARKED_AT + mark.restatement * MINUTE,
        )  # fmt: skip


def store(read_model: Connection, table: str, *facts: Fact, camera: str = CAMERA) -> None:
    """Facts of a table; what is not said of them is as good as any."""
    time, _ = TABLES[table]
    required = ask(
        read_model,
        """SELECT column_name, data_type FROM information_schema.columns
           WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND column_name NOT IN ('camera_id', %s)""",
        table, time,
    )  # fmt: skip
    names = "".join(f", {name}" for name, _ in required)
    values = "".join(f", {VALUES.get(kind, '0')}" for _, kind in required)
    for at, restatement in facts:
        statement = f"INSERT INTO {table} (camera_id, {time}, restatement{names}) VALUES (%s, %s, %s{values})"
        ask(read_model, statement, camera, NOON + at * MINUTE, restatement)


def held(read_model: Connection, table: str, relation: str) -> set[Fact]:
    time, _ = TABLES[table]
    found = ask(read_model, f"SELECT {time}, restatement FROM {relation} WHERE camera_id = %s", CAMERA)
    return {((at - NOON) // MINUTE, restatement) for at, restatement in found}


EVERY_FACT: list[Fact] = [(at, restatement) for at in range(0, 12, 2) for restatement in range(4)]


@st.composite
def histories(draw: st.DrawFn) -> list[Mark]:
    """Up to three restatements; a number can be missing, as it is where a camera's marks of another topic stand."""
    numbers = draw(st.sets(st.integers(1, 3)))
    ranges = {number: (draw(st.integers(-1, 11)), draw(st.integers(1, 8))) for number in sorted(numbers)}
    return [Mark(number, first, first + length) for number, (first, length) in ranges.items()]


@given(marks=histories(), below=st.integers(1, 4))
def test_what_holds_is_the_highest_restatement_of_a_range_and_the_live_facts_elsewhere(
    database_of_module: Connection, marks: list[Mark], below: int
) -> None:
    database_of_module.rollback()
    store(database_of_module, "zone_minutes", *EVERY_FACT)
    restate(database_of_module, ZONE_MINUTES, *marks)
    earlier = [mark for mark in marks if mark.restatement < below]
    now = {fact for fact in EVERY_FACT if holds(fact, marks)}
    assert held(database_of_module, "zone_minutes", "current_zone_minutes") == now
    before = held(database_of_module, "zone_minutes", f"zone_minutes_before({below})")
    assert before == {fact for fact in EVERY_FACT if holds(fact, earlier)}


@given(marks=histories(), below=st.none() | st.integers(1, 4))
def test_spans_say_the_same_and_cover_all_time_once(
    database_of_module: Connection, marks: list[Mark], below: int | None
) -> None:
    database_of_module.rollback()
    restate(database_of_module, ZONE_MINUTES, *marks)
    spans = "restatement_spans(%s, %s, %s)"
    counted = [mark for mark in marks if below is None or mark.restatement < below]
    for at in range(-3, 22):
        moment = NOON + at * MINUTE
        found = ask(
            database_of_module,
            f"SELECT restatement FROM {spans} WHERE since <= %s AND %s < until",
            CAMERA, ZONE_MINUTES, below, moment, moment,
        )  # fmt: skip
        assert [(restatement,) for restatement in range(4) if holds((at, restatement), counted)] == found
    gaps = f"""SELECT count(*) FROM (SELECT until, lead(since, 1, 'infinity') OVER (ORDER BY since) AS following
               FROM {spans}) AS span WHERE until <> following"""
    assert ask(database_of_module, gaps, CAMERA, ZONE_MINUTES, below) == [(0,)]


@pytest.mark.parametrize("table", TABLES)
def test_each_kind_of_fact_goes_by_the_marks_of_its_own_topic_and_camera(read_model: Connection, table: str) -> None:
    _, topic = TABLES[table]
    store(read_model, table, (1, 0), (5, 0), (5, 1))
    others = {TRACKS, ZONE_VISITS, ZONE_MINUTES} - {topic}
    for other in others:
        restate(read_model, other, Mark(1, 0, 9))
    restate(read_model, topic, Mark(1, 0, 9), camera="hall")
    assert held(read_model, table, f"current_{table}") == {(1, 0), (5, 0)}
    restate(read_model, topic, Mark(1, 4, 9))
    assert held(read_model, table, f"current_{table}") == {(1, 0), (5, 1)}
    assert held(read_model, table, f"{table}_before(1)") == {(1, 0), (5, 0)}


def test_a_corrected_fact_says_since_when_and_what_was_never_corrected_says_nothing(read_model: Connection) -> None:
    store(read_model, "zone_visits", (1, 0), (5, 0), (5, 2))
    restate(read_model, ZONE_VISITS, Mark(2, 4, 9))
    found = ask(read_model, "SELECT restatement, restated_at FROM current_zone_visits ORDER BY entered_at")
    assert found == [(0, None), (2, MARKED_AT + 2 * MINUTE)]


def test_corrections_that_have_no_mark_yet_count_for_nothing(read_model: Connection) -> None:
    store(read_model, "zone_visits", (5, 0), (5, 1))
    assert held(read_model, "zone_visits", "current_zone_visits") == {(5, 0)}


@pytest.mark.parametrize("relation", ["current_{}", "{}_before(3)"])
@pytest.mark.parametrize("table", TABLES)
def test_a_day_of_a_camera_is_read_by_index_from_its_own_chunk(
    read_model: Connection, table: str, relation: str
) -> None:
    time, _ = TABLES[table]
    month = 30 * 24 * 60
    store(read_model, table, *((at * month, 0) for at in range(4)))
    ask(read_model, "SET LOCAL enable_seqscan = off")
    day = NOON + 2 * month * MINUTE
    plan = "\n".join(
        line
        for (line,) in ask(
            read_model,
            f"""EXPLAIN SELECT * FROM {relation.format(table)}
                WHERE camera_id = %s AND {time} >= %s AND {time} < %s ORDER BY {time} DESC LIMIT 50""",
            CAMERA, day, day + timedelta(days=1),
        )
    )  # fmt: skip
    assert "Function Scan" not in plan
    assert len(re.findall(r"on _hyper_\w+_chunk", plan)) == 1, plan
    assert re.search(rf"Index Cond: \(\(camera_id = 'door'::text\).*\({time} >= .*\({time} < ", plan), plan
