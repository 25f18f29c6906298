"""Lists of visits and tracks after a correction: as they hold now, as they were measured, and since when."""

import pytest
from sqlalchemy import Connection

from graphql_api.database import Database
from schemas.topics import TRACKS, ZONE_VISITS
from tests.api.tables import MINUTE, START, camera, insert, track, visit
from tests.api.test_queries import ask
from tests.api.test_restated_efficiency import mark

pytestmark = pytest.mark.integration

SPAN = {"from": START.isoformat(), "to": (START + 10 * MINUTE).isoformat()}
AT = "2027-01-01T01:00:00.000Z"


@pytest.fixture
def corrected(rows: Connection) -> None:
    """Two visits and tracks, of which the second is corrected: it was shorter, and another person's."""
    insert(rows, "cameras", [camera()])
    second = START + 5 * MINUTE
    insert(rows, "zone_visits", [
        visit(1, START, restatement=0), visit(2, second, restatement=0), visit(3, second, 20_000, restatement=1),
    ])  # fmt: skip
    insert(rows, "tracks", [
        track(1, START, restatement=0), track(2, second, restatement=0), track(3, second, restatement=1),
    ])  # fmt: skip
    ranges = mark(1, START + 4 * MINUTE, START + 6 * MINUTE)
    insert(rows, "restatements", [ranges | {"topic": topic} for topic in (ZONE_VISITS, TRACKS)])


@pytest.mark.usefixtures("corrected")
def test_visits_are_shown_corrected_or_as_measured(read_model: Database) -> None:
    query = """query($range: TimeRange!, $asOf: AsOf) { zoneVisits(range: $range, asOf: $asOf) {
        nodes { trackNo dwellMs restatedAt } } }"""
    shown = {
        as_of: ask(read_model, query, range=SPAN, asOf=as_of)["zoneVisits"]["nodes"] for as_of in ("CURRENT", "LIVE")
    }
    first = {"trackNo": "1", "dwellMs": 60_000, "restatedAt": None}
    assert shown["CURRENT"] == [{"trackNo": "3", "dwellMs": 20_000, "restatedAt": AT}, first]
    assert shown["LIVE"] == [{"trackNo": "2", "dwellMs": 60_000, "restatedAt": None}, first]


@pytest.mark.usefixtures("corrected")
def test_tracks_are_shown_corrected_and_what_is_void_cannot_be_found(read_model: Database) -> None:
    query = (
        """query($range: TimeRange!) { tracks(cameraId: "door", range: $range) { nodes { id trackNo restatedAt } } }"""
    )
    nodes = ask(read_model, query, range=SPAN)["tracks"]["nodes"]
    assert [(node["trackNo"], node["restatedAt"]) for node in nodes] == [("3", AT), ("1", None)]
    found = ask(read_model, "query($id: ID!) { node(id: $id) { ... on Track { trackNo } } }", id=nodes[0]["id"])
    assert found == {"node": {"trackNo": "3"}}
