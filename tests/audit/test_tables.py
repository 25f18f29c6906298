"""The database against its twin: equal when it was projected as it should be, and named row by row when it was not."""

import re

import psycopg2
import pytest

from aforo.audit.published import is_restated
from aforo.audit.tables import compare
from schemas.events import Event
from schemas.topics import TRACKS
from stream_processors.projections.store import Appended
from stream_processors.projections.timescale import TimescaleStore, libpq_url
from tests.projections.test_store_contract import one_of_each

pytestmark = pytest.mark.integration
EVENTS: list[tuple[str, Event]] = [(TRACKS, event) for event in one_of_each() if not is_restated(event)]


@pytest.fixture
def stored(database: str) -> str:
    """A database that holds what the events mean, and what adopted runs said."""
    project(database, *one_of_each())
    return database


def project(database: str, *events: Event) -> None:
    store = TimescaleStore(database)
    offset = store.next_offset(TRACKS, 0)
    store.write(TRACKS, 0, offset, offset + len(events), [Appended(event, 0) for event in events])
    store.close()


def change(database: str, statement: str) -> None:
    connection = psycopg2.connect(libpq_url(database))
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def test_a_database_that_holds_what_live_events_mean_has_no_wrong_row_whatever_was_restated(stored: str) -> None:
    compared = compare(EVENTS, stored)
    assert compared.wrong == []
    assert (compared.rows["zone_visits"], compared.rows["tracks"], compared.rows["cameras"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM zone_visits", "zone_visits: no row"),
        ("UPDATE zone_visits SET dwell_ms = dwell_ms + 1", "zone_visits: .*dwell_ms"),
        ("UPDATE track_positions SET foot_x = 0", "track_positions: .*foot_x"),
        ("UPDATE cameras SET status = 'LOST'", "cameras: .*status"),
        ("UPDATE camera_events SET body = '{}' WHERE type = 'CommandRefused'", "camera_events: .*body"),
        ("UPDATE zones SET valid_to = now()", "zones: .*valid_to"),
        ("INSERT INTO cameras (camera_id) VALUES ('nobody')", "cameras: a row .*nobody"),
    ],
)
def test_a_row_that_is_gone_changed_or_unasked_for_is_named(stored: str, statement: str, told: str) -> None:
    change(stored, statement)
    wrong = compare(EVENTS, stored).wrong
    assert [each for each in wrong if not re.search(told, each)] == []
    assert wrong
