"""Tracks of a camera, newest first."""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import following, rows

_COLUMNS = "camera_id, track_no, started_at, last_seen_at, ended_at, end_reason, observations, restated_at"
_KEY = ["started_at", "track_no"]


def tracks_page(
    connection: Connection, camera_id: str, span: tuple[datetime, datetime], after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` tracks that began in the half-open `span`, newest first, after the key `after`."""
    return rows(
        connection,
        f"""SELECT {_COLUMNS} FROM current_tracks
            WHERE camera_id = :camera_id AND started_at >= :start AND started_at < :stop
              AND {following(after, _KEY, "<")}
            ORDER BY started_at DESC, track_no DESC LIMIT :limit""",
        camera_id=camera_id,
        start=span[0],
        stop=span[1],
        limit=limit,
        **(after or {}),
    )


def track(connection: Connection, camera_id: str, track_no: int) -> Sequence[RowMapping]:
    """The track with this number: one row or none."""
    return rows(
        connection,
        f"""SELECT {_COLUMNS} FROM current_tracks WHERE camera_id = :camera_id AND track_no = :track_no
            ORDER BY started_at LIMIT 1""",
        camera_id=camera_id,
        track_no=track_no,
    )
