"""The difference between a run and what holds now, read from the database and stored beside the run."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from stream_processors.replay.difference import (
    Amounts,
    Difference,
    HourDifference,
    Minute,
    Side,
    Visit,
    VisitDifference,
    difference,
)
from stream_processors.runs.run import Run
from stream_processors.runs.sink import copy_rows
from stream_processors.runs.summary import Tally

_VISITS = sql.SQL("""
SELECT camera_id, zone_id, track_no, (extract(epoch FROM entered_at) * 1000)::bigint,
       (extract(epoch FROM exited_at) * 1000)::bigint
FROM {table} WHERE {of_run} AND camera_id = %(camera_id)s
  AND entered_at >= to_timestamp(%(start)s / 1000.0) AND entered_at < to_timestamp(%(stop)s / 1000.0)
""")
_MINUTES = sql.SQL("""
SELECT camera_id, zone_id, (extract(epoch FROM minute) * 1000)::bigint, {amounts}
FROM {table} WHERE {of_run} AND camera_id = %(camera_id)s
  AND minute >= to_timestamp(%(start)s / 1000.0) AND minute < to_timestamp(%(stop)s / 1000.0)
""")
_AMOUNTS = sql.SQL(", ").join(map(sql.Identifier, Minute._fields[3:]))
_OF_RUN, _OF_ALL = sql.SQL("run_id = %(run_id)s"), sql.SQL("true")

_STORED_HOURS = """
SELECT camera_id, zone_id, (extract(epoch FROM hour) * 1000)::bigint, before, after
FROM run_hour_differences WHERE run_id = %s ORDER BY number
"""
_STORED_VISITS = """
SELECT camera_id, zone_id,
       before_track_no, (extract(epoch FROM before_entered_at) * 1000)::bigint, (extract(epoch FROM before_exited_at) * 1000)::bigint,
       after_track_no, (extract(epoch FROM after_entered_at) * 1000)::bigint, (extract(epoch FROM after_exited_at) * 1000)::bigint
FROM run_visit_differences WHERE run_id = %s ORDER BY number
"""

_HOUR_TYPES = {
    "run_id": "text", "number": "int4", "camera_id": "text", "zone_id": "text", "hour": "timestamptz", "before": "jsonb",
    "after": "jsonb",
}  # fmt: skip
_VISIT_TYPES = {
    "run_id": "text", "number": "int4", "camera_id": "text", "zone_id": "text", "change": "text",
    "before_track_no": "int8", "before_entered_at": "timestamptz", "before_exited_at": "timestamptz",
    "after_track_no": "int8", "after_entered_at": "timestamptz", "after_exited_at": "timestamptz",
}  # fmt: skip


def compare(cursor: Cursor, run: Run, camera_id: str) -> Difference:
    """What would change for a camera if the run held instead of what holds now."""
    before = _side(cursor, run, camera_id, ("current_zone_visits", "current_zone_minutes"), _OF_ALL)
    after = _side(cursor, run, camera_id, ("run_zone_visits", "run_zone_minutes"), _OF_RUN)
    return difference(before, after, same_tracks=not run.plan.changes_tracks)


def store(cursor: Cursor, run_id: str, found: Difference, kept: Tally) -> None:
    """Keep a difference beside its run, behind those that are kept already."""
    hours = (
        (run_id, number, each.camera_id, each.zone_id, each.hour, _json(each.before), _json(each.after))
        for number, each in enumerate(found.hours, kept.hours)
    )
    copy_rows(cursor, "run_hour_differences", _HOUR_TYPES, hours)
    visits = (
        (run_id, number, *each.place, each.change, *_times(each.before), *_times(each.after))
        for number, each in enumerate(found.visits, kept.visits)
    )
    copy_rows(cursor, "run_visit_differences", _VISIT_TYPES, visits)


def stored(cursor: Cursor, run_id: str, same_visits: int) -> Difference:
    """The difference that was kept."""
    cursor.execute(_STORED_HOURS, (run_id,))
    hours = [HourDifference(*row[:3], *map(_amounts, row[3:])) for row in cursor.fetchall()]
    cursor.execute(_STORED_VISITS, (run_id,))
    visits = [VisitDifference(_visit(*row[:2], *row[2:5]), _visit(*row[:2], *row[5:])) for row in cursor.fetchall()]
    return Difference(hours, visits, same_visits)


def _side(cursor: Cursor, run: Run, camera_id: str, tables: tuple[str, str], of_run: sql.SQL) -> Side:
    asked = {"run_id": run.run_id, "camera_id": camera_id, "start": run.range_from, "stop": run.range_to}
    names = [sql.Identifier(table) for table in tables]
    cursor.execute(_VISITS.format(table=names[0], of_run=of_run), asked)
    visits = [Visit(*row) for row in cursor.fetchall()]
    cursor.execute(_MINUTES.format(table=names[1], of_run=of_run, amounts=_AMOUNTS), asked)
    return Side(visits, [Minute(*row) for row in cursor.fetchall()])


def _json(amounts: Amounts | None) -> str | None:
    return None if amounts is None else msgspec.json.encode(amounts._asdict()).decode()


def _amounts(stored: dict[str, int] | None) -> Amounts | None:
    return None if stored is None else Amounts(**stored)


def _times(visit: Visit | None) -> Sequence[int | None]:
    return (None, None, None) if visit is None else visit[2:]


def _visit(camera_id: str, zone_id: str, track_no: int | None, *times: Any) -> Visit | None:
    return None if track_no is None else Visit(camera_id, zone_id, track_no, *times)
