"""Cameras: settings, status and counters as the fold last said."""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import following, rows

_COLUMNS = """camera_id, site_id, name, enabled, revision, max_gap_ms, track_timeout_ms, zones_revision,
    status, status_reason, last_seen_at, width, height, accepted, refused,
    source, credentials, target_fps, masks, applied_revision, applied_error, applied_at"""


def cameras_by_id(connection: Connection, camera_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The cameras with these ids, in no order."""
    return rows(
        connection, f"SELECT {_COLUMNS} FROM cameras WHERE camera_id = ANY(:camera_ids)", camera_ids=list(camera_ids)
    )


def cameras_page(
    connection: Connection, site_id: str | None, after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` cameras of a site, or of all, by id after the key `after`."""
    return rows(
        connection,
        f"""SELECT {_COLUMNS} FROM cameras
            WHERE (CAST(:site_id AS text) IS NULL OR site_id = :site_id) AND {following(after, ["camera_id"], ">")}
            ORDER BY camera_id LIMIT :limit""",
        site_id=site_id,
        limit=limit,
        **(after or {}),
    )
