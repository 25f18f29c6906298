"""Final minutes of zones: of one zone, in which several revisions in a minute add up, and as they are stored, page by page."""

# ruff: noqa: S608 - only names written in this package are put together; values are parameters

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.facts import AsOf, relation
from graphql_api.sql.rows import following, rows

MINUTE_COLUMNS = (
    "camera_id", "zone_id", "minute", "zones_revision", "kind", "capacity", "person_ms", "exclusive_person_ms", "occupied_ms",
    "observed_ms", "frames", "peak", "entries", "exits", "starts", "ends", "visits_closed", "dwell_ms_sum", "dwell_ms_max",
    "dwell_under_5s", "dwell_5s_15s", "dwell_15s_60s", "dwell_60s_300s", "dwell_from_300s", "restated_at",
)  # fmt: skip
MINUTES_KEY = ["camera_id", "minute", "zone_id", "zones_revision"]
_CONDITIONS = {
    "site_id": "camera_id IN (SELECT camera_id FROM cameras WHERE site_id = :site_id)",
    "camera_ids": "camera_id = ANY(:camera_ids)",
    "zone_ids": "zone_id = ANY(:zone_ids)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteQuery:
    """Which minutes: that begin in [start, stop), of these cameras and zones (None: all)."""

    start: datetime
    stop: datetime
    site_id: str | None = None
    camera_ids: list[str] | None = None
    zone_ids: list[str] | None = None
    as_of: AsOf = AsOf.CURRENT


def minutes_page(
    connection: Connection, query: MinuteQuery, after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` minutes that `query` asks for, by camera and time, after the key `after`."""
    asked = {name: getattr(query, name) for name in _CONDITIONS if getattr(query, name) is not None}
    conditions = [_CONDITIONS[name] for name in asked] + [following(after, MINUTES_KEY, ">")]
    return rows(
        connection,
        f"""SELECT {", ".join(MINUTE_COLUMNS)} FROM {relation("zone_minutes", query.as_of)}
            WHERE minute >= :start AND minute < :stop AND {" AND ".join(conditions)}
            ORDER BY {", ".join(MINUTES_KEY)} LIMIT :limit""",
        start=query.start,
        stop=query.stop,
        limit=limit,
        **asked,
        **(after or {}),
    )


def zone_minutes(
    connection: Connection,
    camera_id: str,
    zone_id: str,
    span: tuple[datetime, datetime],
    as_of: AsOf = AsOf.CURRENT,
) -> Sequence[RowMapping]:
    """The minutes of a zone that begin in the half-open `span`, in order; a minute not observed has no row.

    Revisions in force one after another within a minute are added; the highest of their peaks stands.
    """
    return rows(
        connection,
        f"""SELECT minute AS t, max(zones_revision) AS zones_revision,
              sum(person_ms) AS person_ms, sum(exclusive_person_ms) AS exclusive_person_ms,
              sum(occupied_ms) AS occupied_ms, sum(observed_ms) AS observed_ms,
              sum(frames) AS frames, max(peak) AS peak, sum(entries) AS entries, sum(exits) AS exits,
              sum(starts) AS starts, sum(ends) AS ends, sum(visits_closed) AS visits_closed,
              sum(dwell_ms_sum) AS dwell_ms_sum, max(dwell_ms_max) AS dwell_ms_max,
              max(restated_at) AS restated_at
            FROM {relation("zone_minutes", as_of)}
            WHERE camera_id = :camera_id AND zone_id = :zone_id AND minute >= :start AND minute < :stop
            GROUP BY minute ORDER BY minute""",
        camera_id=camera_id,
        zone_id=zone_id,
        start=span[0],
        stop=span[1],
    )
