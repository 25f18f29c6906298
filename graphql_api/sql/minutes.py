"""Final minutes of one zone; several revisions in a minute add up."""

# ruff: noqa: S608 - only names written in this package are put together; values are parameters

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.facts import AsOf, relation
from graphql_api.sql.rows import rows


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
