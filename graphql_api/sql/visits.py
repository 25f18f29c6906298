"""Zone visits of any cameras, by the time they were entered, newest first."""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.facts import AsOf, relation
from graphql_api.sql.rows import following, rows

VISIT_COLUMNS = (
    "camera_id", "track_no", "zone_id", "zones_revision", "entered_at", "entered_at_min", "entered_at_max", "entry_reason",
    "exited_at", "exited_at_min", "exited_at_max", "dwell_ms", "exit_reason", "restated_at",
)  # fmt: skip
_COLUMNS = ", ".join(VISIT_COLUMNS)
VISITS_KEY = ["entered_at", "camera_id", "track_no", "zone_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitQuery:
    """Which visits: entered in [start, stop), of these cameras and zones (None: all), open or closed, and long enough."""

    start: datetime
    stop: datetime
    site_id: str | None = None
    camera_ids: list[str] | None = None
    zone_ids: list[str] | None = None
    is_open: bool | None = None
    min_dwell_ms: int | None = None
    as_of: AsOf = AsOf.CURRENT


_CONDITIONS = {
    "site_id": "camera_id IN (SELECT camera_id FROM cameras WHERE site_id = :site_id)",
    "camera_ids": "camera_id = ANY(:camera_ids)",
    "zone_ids": "zone_id = ANY(:zone_ids)",
    "is_open": "(exited_at IS NULL) = :is_open",
    "min_dwell_ms": "dwell_ms >= :min_dwell_ms",
}


def visits_page(
    connection: Connection, query: VisitQuery, after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` visits that `query` asks for, after the key `after`."""
    asked = {name: getattr(query, name) for name in _CONDITIONS if getattr(query, name) is not None}
    conditions = [_CONDITIONS[name] for name in asked] + [following(after, VISITS_KEY, "<")]
    return rows(
        connection,
        f"""SELECT {_COLUMNS} FROM {relation("zone_visits", query.as_of)}
            WHERE entered_at >= :start AND entered_at < :stop AND {" AND ".join(conditions)}
            ORDER BY entered_at DESC, camera_id DESC, track_no DESC, zone_id DESC LIMIT :limit""",
        start=query.start,
        stop=query.stop,
        limit=limit,
        **asked,
        **(after or {}),
    )


def visit(
    connection: Connection, camera_id: str, track_no: int, zone_id: str, entered_at: datetime
) -> Sequence[RowMapping]:
    """The visit with this key: one row or none."""
    return rows(
        connection,
        f"""SELECT {_COLUMNS} FROM current_zone_visits WHERE camera_id = :camera_id AND track_no = :track_no
            AND zone_id = :zone_id AND entered_at = :entered_at LIMIT 1""",
        camera_id=camera_id,
        track_no=track_no,
        zone_id=zone_id,
        entered_at=entered_at,
    )
