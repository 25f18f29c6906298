"""What a rebuilt read model takes over from the old one: rows older than the topics, which no record can bring back.

Whatever a topic still says comes from the topic. It must not know how the rest was filled.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections import rules, statements
from stream_processors.projections.timescale import CONSUMER

# By topic: from when on it still holds every record (UTC ms); a topic that has lost none is not in it.
Borders = Mapping[str, int]


class Kept(NamedTuple):
    """Rows of a table that came from a topic; `time` says when a fact began. Without it the rows are configuration."""

    table: str
    topic: str
    time: str = ""
    also: str = "true"


KEPT = (
    Kept("track_positions", TRACKS, "second"),
    Kept("tracks", TRACKS, "started_at"),
    Kept("zone_visits", ZONE_VISITS, "entered_at"),
    Kept("line_crossings", ZONE_VISITS, "crossed_at"),
    Kept("zone_minutes", ZONE_MINUTES, "minute"),
    Kept("zone_hours", ZONE_MINUTES, "hour"),
    *(
        Kept("restatements", topic, "restated_at", f"topic = '{topic}'")
        for topic in (TRACKS, ZONE_VISITS, ZONE_MINUTES)
    ),
    *(Kept(table, CAMERA_EVENTS) for table in ("camera_events", "frames_lost", "zones", "lines")),
)
_CAMERAS = {
    rules.CAMERA_SEEN: TRACKS,
    rules.CAMERA_CONFIGURED: CAMERA_EVENTS,
    rules.CAMERA_APPLIED: CAMERA_EVENTS,
    rules.CAMERA_ZONED: CAMERA_EVENTS,
    rules.CAMERA_STATUS: CAMERA_EVENTS,
}

_COPY = sql.SQL("INSERT INTO {new} SELECT * FROM {old} WHERE {older} ON CONFLICT DO NOTHING")
_COPY_OFFSETS = sql.SQL("INSERT INTO ingest_offsets SELECT * FROM {old} WHERE consumer <> %s ON CONFLICT DO NOTHING")
_COUNT = sql.SQL("SELECT count(*), min({time}) FROM {old} WHERE {older}")
# The first hour of a topic may lack its first minutes; then the old sum knows more.
_INCOMPLETE = sql.SQL("""
DELETE FROM {new} AS found USING {old} AS known WHERE known.hour < {border} AND found.minutes < known.minutes
  AND (found.camera_id, found.zone_id, found.hour, found.zones_revision, found.restatement)
    = (known.camera_id, known.zone_id, known.hour, known.zones_revision, known.restatement)
""")


class Older(NamedTuple):
    """How many rows of a table are older than its topic, and when the oldest of them began (None: configuration)."""

    table: str
    rows: int
    oldest: datetime | None


def older_rows(cursor: Cursor, borders: Borders, home: str) -> Sequence[Older]:
    """What of the tables in the schema `home` no topic can bring back, table by table; only those that have such rows."""
    found = []
    for kept in KEPT:
        if kept.topic in borders:
            cursor.execute(_COUNT.format(**_parts(kept, borders[kept.topic], home)))
            found.append(Older(kept.table, *(cursor.fetchone() or (0, None))))
    return [older for older in found if older.rows]


def keep_older(cursor: Cursor, borders: Borders, home: str) -> None:
    """Copy those rows from the tables in `home` to those of the search path; doing it again changes nothing."""
    for kept in KEPT:
        if kept.topic in borders:
            parts = _parts(kept, borders[kept.topic], home)
            if kept.table == "zone_hours":
                cursor.execute(_INCOMPLETE.format(**parts))
            cursor.execute(_COPY.format(**parts))
    for rule, topic in _CAMERAS.items():
        if topic in borders:
            cursor.execute(statements.apply_from(sql.Identifier(home, rule.table), rule))


def keep_offsets(cursor: Cursor, home: str) -> None:
    """Copy how far others than the projector have written, to the table of the search path."""
    cursor.execute(_COPY_OFFSETS.format(old=sql.Identifier(home, "ingest_offsets")), (CONSUMER,))


def _parts(kept: Kept, border: int, home: str) -> dict[str, sql.Composable]:
    since = sql.Literal(datetime.fromtimestamp(border / 1_000, UTC))
    time = sql.Identifier(kept.time) if kept.time else sql.NULL
    older = [sql.SQL("{} < {}").format(time, since)] if kept.time else []
    return {
        "old": sql.Identifier(home, kept.table),
        "new": sql.Identifier(kept.table),
        "border": since,
        "time": time,
        "older": sql.SQL(" AND ").join([*older, sql.SQL(kept.also)]),
    }
