"""What a rebuilt read model takes over: what is older than the topics, and nothing that a topic says otherwise."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from infra.timescale.migrate import upgrade
from infra.timescale.swap import PROJECTIONS, REBUILT
from schemas.events import Event
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.keeping import KEPT, Older, keep_offsets, keep_older, older_rows
from stream_processors.projections.timescale import TimescaleStore, libpq_url
from tests.projections.databases import query
from tests.projections.samples import (
    MARKS,
    NOON,
    appended,
    at,
    camera_configured,
    frames_lost,
    line_crossed,
    restated,
    seen,
    status_observed,
    track_ended,
    tracks_observed,
    zone_exited,
    zone_minute,
    zones_defined,
)

pytestmark = pytest.mark.integration
HOUR_MS = 3_600_000
BORDERS = dict.fromkeys((TRACKS, ZONE_VISITS, ZONE_MINUTES), NOON)


@pytest.fixture
def database(database_of_edition: str) -> Iterator[str]:
    """A database with the tables in use, and empty ones beside them."""
    upgrade(database_of_edition, schema=REBUILT)
    yield database_of_edition
    with closing(psycopg2.connect(libpq_url(database_of_edition))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for table in PROJECTIONS:
            cursor.execute(f"DROP TABLE IF EXISTS {REBUILT}.{table} CASCADE")
        cursor.execute(f"DROP SCHEMA {REBUILT} CASCADE")


def store(url: str, *events: Event, schema: str | None = None, at: int = NOON) -> None:
    with closing(TimescaleStore(url, schema=schema)) as made:
        offset = made.next_offset(TRACKS, 0)
        made.write(TRACKS, 0, offset, offset + len(events), appended(*events, at=at))


def keep(url: str, borders: dict[str, int]) -> None:
    """Twice, as a rebuild does that was interrupted."""
    for _ in range(2):
        asked(url, lambda cursor: keep_older(cursor, borders, "public"))


def asked(url: str, question: Callable[[Cursor], Any]) -> Any:
    options = f"-c search_path={REBUILT}"
    with closing(psycopg2.connect(libpq_url(url), options=options)) as connection, connection, connection.cursor() as c:
        return question(c)


def a_fact_of_each_kind(moment: int, **given: Any) -> list[Event]:
    return [
        tracks_observed(observed_at=moment, tracks=(seen(),), **given),
        track_ended(started_at=moment, **given),
        zone_exited(entered_at=moment, **given),
        line_crossed(crossed_at=moment, **given),
        zone_minute(minute=moment // 60_000 * 60_000, **given),
    ]


def rows(url: str, table: str) -> list[str]:
    return sorted(text for (text,) in query(url, f"SELECT to_jsonb(t)::text FROM {REBUILT}.{table} AS t"))


FACT_TABLES = ("track_positions", "tracks", "zone_visits", "line_crossings", "zone_minutes", "zone_hours")


def test_every_projection_but_the_offsets_and_cameras_has_its_topic() -> None:
    assert {kept.table for kept in KEPT} | {"ingest_offsets", "cameras"} == {*PROJECTIONS}


def test_facts_from_before_the_topics_are_kept_and_younger_ones_are_left_to_the_topics(database: str) -> None:
    store(database, *a_fact_of_each_kind(NOON - HOUR_MS))
    store(database, *a_fact_of_each_kind(NOON + HOUR_MS, position=at(20)))
    keep(database, BORDERS)
    assert {table: len(rows(database, table)) for table in FACT_TABLES} == dict.fromkeys(FACT_TABLES, 1)
    found = asked(database, lambda cursor: older_rows(cursor, BORDERS, "public"))
    assert {older.table: older.rows for older in found} == dict.fromkeys(FACT_TABLES, 1)
    hour = datetime.fromtimestamp(NOON / 1_000 - 3_600, UTC)
    assert Older("zone_minutes", 1, hour) in found


def test_what_a_topic_still_says_is_not_taken_from_the_old_tables(database: str) -> None:
    early = zone_exited(entered_at=NOON - 1_000, position=at(10))
    store(database, early)
    query(database, "UPDATE zone_visits SET dwell_ms = 1")
    store(database, early, schema=REBUILT)
    keep(database, BORDERS)
    assert query(database, f"SELECT dwell_ms FROM {REBUILT}.zone_visits") == [(4_000,)]


def test_topics_that_lost_nothing_take_nothing_over(database: str) -> None:
    store(database, *a_fact_of_each_kind(NOON - HOUR_MS), camera_configured())
    keep(database, {})
    assert {table: len(rows(database, table)) for table in (*FACT_TABLES, "cameras", "camera_events")} == dict.fromkeys(
        (*FACT_TABLES, "cameras", "camera_events"), 0
    )
    assert asked(database, lambda cursor: older_rows(cursor, {}, "public")) == []


def test_an_hour_of_which_the_topic_lost_the_beginning_keeps_its_whole_sum(database: str) -> None:
    minutes = [zone_minute(minute=NOON + n * 60_000, person_ms=100) for n in range(60)]
    store(database, *minutes)
    query(database, "DELETE FROM zone_minutes WHERE minute < '2026-01-01T12:40Z'")  # as retention has done
    store(database, *minutes[30:], zone_minute(minute=NOON + HOUR_MS, person_ms=7), schema=REBUILT)
    keep(database, BORDERS | {ZONE_MINUTES: NOON + 30 * 60_000})
    sums = f"SELECT minutes, person_ms FROM {REBUILT}.zone_hours ORDER BY hour"
    assert query(database, sums) == [(60, 6_000), (1, 7)]


def test_marks_are_kept_by_when_they_were_made_and_in_which_topic(database: str) -> None:
    store(database, *(restated(mark) for mark in MARKS), at=NOON - 1)
    store(database, *(restated(mark, restatement=2) for mark in MARKS), at=NOON + 1)
    keep(database, {ZONE_VISITS: NOON})
    found = query(database, f"SELECT topic, restatement FROM {REBUILT}.restatements")
    assert found == [(ZONE_VISITS, 1)]


def test_a_camera_not_seen_since_keeps_what_was_last_seen_of_it_and_others_do_not_go_back(database: str) -> None:
    quiet, busy = {"camera_id": "quiet"}, {"camera_id": "busy"}
    configured = [camera_configured(**quiet), camera_configured(**busy), status_observed(**quiet)]
    store(database, *configured, *(tracks_observed(**who, accepted=5, position=at(50)) for who in (quiet, busy)))
    store(database, *configured, tracks_observed(**busy, accepted=9, position=at(90)), schema=REBUILT)
    keep(database, BORDERS)
    found = f"SELECT camera_id, accepted, name, status FROM {REBUILT}.cameras ORDER BY 1"
    assert query(database, found) == [("busy", 9, "Entrance", "OTHER"), ("quiet", 5, "Entrance", "STREAMING")]


def test_configuration_is_kept_whole_when_its_topic_was_trimmed(database: str) -> None:
    events = [camera_configured(), zones_defined(1, position=at(11)), frames_lost(position=at(12))]
    store(database, *events, zones_defined(2, position=at(20), zones=(), lines=()))
    store(database, zones_defined(2, position=at(20), zones=(), lines=()), schema=REBUILT)
    keep(database, {CAMERA_EVENTS: NOON})
    tables = ("cameras", "camera_events", "zones", "lines", "frames_lost")
    kept = {table: rows(database, table) for table in tables}
    assert kept == {
        table: sorted(text for (text,) in query(database, f"SELECT to_jsonb(t)::text FROM {table} AS t"))
        for table in tables
    }
    assert [len(found) for found in kept.values()] == [1, 4, 1, 1, 1]


def test_offsets_of_other_writers_are_kept(database: str) -> None:
    query(database, "INSERT INTO ingest_offsets VALUES ('projector', 't', 0, 5), ('dead-letters/7', 't', 0, 6)")
    asked(database, lambda cursor: keep_offsets(cursor, "public"))
    assert query(database, f"SELECT consumer, next_offset FROM {REBUILT}.ingest_offsets") == [("dead-letters/7", 6)]
