"""Zones and lines with their history: one row for each revision of the camera's zone set they are part of.

Revisions below zero are those of adopted replay runs: they explain restated facts, and were never in force live.
"""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows

_ZONE = """camera_id, zone_id, zones_revision, name, kind, polygon, anchor, min_stay_ms, grace_ms, capacity,
    valid_from, valid_to"""
_LINE = "camera_id, line_id, zones_revision, name, points, anchor, min_stay_ms, valid_from, valid_to"
_IN_FORCE = "valid_to IS NULL"
_AT = "valid_from <= :at AND (valid_to IS NULL OR valid_to > :at) AND zones_revision > 0"


def zones_of(connection: Connection, camera_ids: Sequence[str], at: datetime | None = None) -> Sequence[RowMapping]:
    """The zones of these cameras in force at a moment of event time (None: now), by camera and id."""
    return _in_force(connection, "zones", _ZONE, "zone_id", camera_ids=camera_ids, at=at)


def lines_of(connection: Connection, camera_ids: Sequence[str], at: datetime | None = None) -> Sequence[RowMapping]:
    """The lines of these cameras in force at a moment of event time (None: now), by camera and id."""
    return _in_force(connection, "lines", _LINE, "line_id", camera_ids=camera_ids, at=at)


def zone_history(connection: Connection, camera_id: str) -> Sequence[RowMapping]:
    """Every zone of every revision, newest revision first."""
    return _history(connection, "zones", _ZONE, "zone_id", camera_id)


def line_history(connection: Connection, camera_id: str) -> Sequence[RowMapping]:
    """Every line of every revision, newest revision first."""
    return _history(connection, "lines", _LINE, "line_id", camera_id)


def zones_by_revision(connection: Connection, keys: Sequence[tuple[str, str, int]]) -> Sequence[RowMapping]:
    """The zones with these (camera, zone, revision), in no order."""
    cameras, zones, revisions = (list(column) for column in zip(*keys, strict=True))
    return rows(
        connection,
        f"""SELECT {_ZONE} FROM zones WHERE (camera_id, zone_id, zones_revision) IN (
                SELECT * FROM unnest(CAST(:cameras AS text[]), CAST(:zones AS text[]), CAST(:revisions AS int[])))""",
        cameras=cameras,
        zones=zones,
        revisions=revisions,
    )


def newest_zone(connection: Connection, camera_id: str, zone_id: str) -> Sequence[RowMapping]:
    """The zone in its newest revision: one row or none."""
    return rows(
        connection,
        f"""SELECT {_ZONE} FROM zones WHERE camera_id = :camera_id AND zone_id = :zone_id
            ORDER BY zones_revision DESC LIMIT 1""",
        camera_id=camera_id,
        zone_id=zone_id,
    )


def _in_force(
    connection: Connection, table: str, columns: str, key: str, *, camera_ids: Sequence[str], at: datetime | None
) -> Sequence[RowMapping]:
    return rows(
        connection,
        f"""SELECT {columns} FROM {table} WHERE camera_id = ANY(:camera_ids) AND {_AT if at else _IN_FORCE}
            ORDER BY camera_id, {key}""",
        camera_ids=list(camera_ids),
        at=at,
    )


def _history(connection: Connection, table: str, columns: str, key: str, camera_id: str) -> Sequence[RowMapping]:
    return rows(
        connection,
        f"SELECT {columns} FROM {table} WHERE camera_id = :camera_id AND zones_revision > 0 ORDER BY zones_revision DESC, {key}",
        camera_id=camera_id,
    )
