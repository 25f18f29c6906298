"""The hot queries reach their rows through indexes: EXPLAIN of what is really asked, over tables large enough to matter."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text

from graphql_api.sql.commands import outcome, projected
from graphql_api.sql.efficiency import EfficiencyQuery, measures, watermark
from graphql_api.sql.minutes import MinuteQuery, minutes_page, zone_minutes
from graphql_api.sql.rows import rows
from graphql_api.sql.track_positions import PathKey, heat, paths
from graphql_api.sql.tracks import track, tracks_page
from graphql_api.sql.visits import VisitQuery, visit, visits_page
from infra.local.stack import Stack
from tests.api.tables import START
from tests.projections.databases import fresh_database

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
SPAN = (START, START + HOUR)
VISITS = VisitQuery(start=SPAN[0], stop=SPAN[1], camera_ids=["c1"])
MINUTES = MinuteQuery(start=SPAN[0], stop=SPAN[1], camera_ids=["c1"])
HOT: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "efficiency": (measures, [EfficiencyQuery(camera_ids=["c1"], edges=[SPAN[0], SPAN[1]], now=SPAN[1])]),
    "watermark": (watermark, [["c1"]]),
    "minutes of a zone": (zone_minutes, ["c1", "z1", SPAN]),
    "minutes for a file": (minutes_page, [MINUTES, None, 100]),
    "visits of a camera": (visits_page, [VISITS, None, 50]),
    "a visit": (visit, ["c1", 5, "z1", START]),
    "tracks of a camera": (tracks_page, ["c1", SPAN, None, 50]),
    "a track": (track, ["c1", 5]),
    "paths": (paths, [[PathKey("c1", 5, START, START + HOUR, 100)]]),
    "a heat map": (heat, ["c1", SPAN, (64, 36)]),
    "an answer to a command": (outcome, ["c1", "command-5"]),
    "a position": (projected, ["c1", 5, 0]),
}
LARGE = {"zone_hours", "camera_events"}  # the others are hypertables, whose chunks are named _hyper_*
FILL = """
INSERT INTO cameras (camera_id) SELECT 'c' || n FROM generate_series(1, 20) AS n;
INSERT INTO zones (camera_id, zone_id, zones_revision, name, kind, polygon, anchor, min_stay_ms, grace_ms, valid_from)
  SELECT camera_id, 'z' || n, 1, 'Z', 'WORK', '[]', 'FOOT', 500, 2000, '2026-01-01Z'
  FROM cameras CROSS JOIN generate_series(1, 4) AS n;
INSERT INTO zone_minutes SELECT camera_id, zone_id, moment, 1, 0, 'WORK', 1, 1, 1, 1, 60000, 600, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
  FROM zones CROSS JOIN generate_series(timestamptz '2026-03-02 06:00Z', '2026-03-02 18:00Z', '1 minute') AS moment;
INSERT INTO zone_hours SELECT camera_id, zone_id, moment, 1, 0, 'WORK', 1, 60, 1, 1, 1, 60000, 600, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM zones CROSS JOIN generate_series(timestamptz '2026-01-01 00:00Z', '2026-03-02 18:00Z', '1 hour') AS moment;
INSERT INTO tracks SELECT camera_id, n, timestamptz '2026-03-02 00:00Z' + n * interval '1 minute', 0, now(), NULL, NULL, 1, n, 0
  FROM cameras CROSS JOIN generate_series(1, 1400) AS n;
INSERT INTO zone_visits (camera_id, track_no, zone_id, entered_at, entered_at_max, entry_reason, zones_revision, seq, seq_index)
  SELECT camera_id, track_no, 'z' || track_no % 4, started_at, started_at, 'CROSSED', 1, seq, 0 FROM tracks;
INSERT INTO track_positions SELECT camera_id, track_no, started_at + n * interval '1 second', 0, 0, 0, 0, 1, 1, 90
  FROM tracks CROSS JOIN generate_series(0, 3) AS n;
INSERT INTO camera_events SELECT camera_id, n, 0, 'ZonesDefined', 'command-' || n, '{}'
  FROM cameras CROSS JOIN generate_series(1, 500) AS n;
ANALYZE;
"""


@pytest.fixture(scope="module")
def filled(stack: Stack) -> Iterator[Connection]:
    """A database with some days of twenty cameras; each statement is committed."""
    with fresh_database(stack, "apache") as url:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(FILL))
            yield connection
        engine.dispose()


def plan(connection: Connection, query: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """The plan of the statement that a query function runs."""
    ran: list[tuple[str, Any]] = []

    def keep(*told: Any) -> None:
        ran.append((told[2], told[3]))

    event.listen(connection, "before_cursor_execute", keep)
    query(connection, *arguments)
    event.remove(connection, "before_cursor_execute", keep)
    ((statement, parameters),) = ran
    return connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()


def scans(node: Any) -> Iterator[tuple[str, str]]:
    """Each kind of scan of a plan and what it scans."""
    if isinstance(node, list):
        for each in node:
            yield from scans(each)
    elif isinstance(node, dict):
        if "Scan" in str(node.get("Node Type")):
            yield node["Node Type"], node.get("Relation Name", "")
        for value in node.values():
            yield from scans(value)


@pytest.mark.parametrize("name", HOT)
def test_a_hot_query_reads_no_large_table_as_a_whole(filled: Connection, name: str) -> None:
    found = list(scans(plan(filled, *HOT[name])))
    whole = {table for kind, table in found if kind == "Seq Scan"}
    assert not {table for table in whole if table in LARGE or table.startswith("_hyper_")}, found
    assert any("Index" in kind or "Bitmap" in kind for kind, _ in found)


def test_a_query_without_an_index_is_found(filled: Connection) -> None:
    by_score = "SELECT * FROM track_positions WHERE score_pct = :score"
    found = plan(filled, lambda connection, score: rows(connection, by_score, score=score), [7])
    assert {table[:7] for kind, table in scans(found) if kind == "Seq Scan"} == {"_hyper_"}
