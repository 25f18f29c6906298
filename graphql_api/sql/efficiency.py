"""The measures of efficiency, computed from zone minutes inside the sites' shifts: the only place that holds their formulas.

Minutes without a record are unknown and enter neither side of a division; a measure without a divisor is null, and so
is person time where nothing was observed. docs/meaning.md says what each measure means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows

WEAK_BELOW = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyQuery:
    """Which minutes: of `camera_ids`, in buckets from `edges[i]` up to `edges[i + 1]`; all edges are whole minutes.

    Time after `now` is not scheduled yet.
    """

    camera_ids: list[str]
    edges: list[datetime]
    now: datetime


# A piece is what one site was scheduled of one bucket. Minutes are added up piece by piece and camera by camera, each of which
# is a stretch of the index; `parts` has a row per piece, zone and revision, and the rest adds up those few.
# All zones of a camera share the observed time of a revision, so `watched` takes it once per camera: of its fullest zone.
# Bucket 0 is the whole range, zone null is all zones. Shifts are whole minutes, and a minute counts when all of it is scheduled.
_MEASURES = """
WITH asked AS MATERIALIZED (
  SELECT camera_id, site_id FROM cameras WHERE camera_id = ANY(:camera_ids)
), piece AS MATERIALIZED (
  SELECT bucket, site.site_id, cameras, greatest(starts, since) AS opens, least(ends, till) AS closes
  FROM (SELECT site_id, count(*) AS cameras FROM asked GROUP BY 1) AS site
  CROSS JOIN LATERAL site_schedule(site.site_id, :start, :stop) AS scheduled
  JOIN unnest(CAST(:starts AS timestamptz[]), CAST(:stops AS timestamptz[])) WITH ORDINALITY AS cut(since, till, bucket)
    ON greatest(starts, since) < least(ends, till)
), parts AS MATERIALIZED (
  SELECT bucket, opens, camera_id, sums.* FROM asked JOIN piece USING (site_id) CROSS JOIN LATERAL (
    SELECT zone_id, zones_revision, kind, nullif(capacity, 0) AS capacity, sum(person_ms) AS person_ms,
           sum(exclusive_person_ms) AS exclusive_person_ms, sum(occupied_ms) AS occupied_ms, sum(observed_ms) AS observed_ms
    FROM zone_minutes AS seen
    WHERE seen.camera_id = asked.camera_id AND minute >= opens AND minute <= closes - interval '1 minute'
      AND minute >= :start AND minute < :stop
    GROUP BY zone_id, zones_revision, kind, nullif(capacity, 0)) AS sums
), use AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket, camera_id, zone_id,
         coalesce(sum(exclusive_person_ms) FILTER (WHERE kind = 'WORK'), 0) AS work_ms,
         sum(exclusive_person_ms) AS present_ms, sum(occupied_ms) AS occupied_ms, sum(observed_ms) AS zone_ms,
         sum(person_ms) FILTER (WHERE capacity IS NOT NULL) AS placed_ms, sum(capacity * observed_ms) AS capacity_ms
  FROM parts GROUP BY GROUPING SETS ((bucket), (), (bucket, camera_id, zone_id), (camera_id, zone_id))
), watched AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket, sum(observed_ms) AS observed_ms
  FROM (SELECT bucket, opens, camera_id, zones_revision, max(observed_ms) AS observed_ms
        FROM parts GROUP BY 1, 2, 3, 4) AS once GROUP BY GROUPING SETS ((bucket), ())
), planned AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket,
         coalesce(sum(1000 * cameras * extract(epoch FROM least(closes, :now) - opens)) FILTER (WHERE opens < :now), 0)
           AS scheduled_ms
  FROM generate_series(1, cardinality(CAST(:starts AS timestamptz[]))) AS bucket LEFT JOIN piece USING (bucket)
  GROUP BY GROUPING SETS ((bucket), ())
)
SELECT bucket::int AS bucket, camera_id, zone_id,
       work_ms::float8 AS work_ms, present_ms::float8 AS present_ms,
       coalesce(observed_ms, 0)::float8 AS observed_ms, scheduled_ms::float8 AS scheduled_ms,
       work_ms::float8 / nullif(present_ms, 0) AS efficiency,
       occupied_ms::float8 / nullif(zone_ms, 0) AS utilisation,
       placed_ms::float8 / nullif(capacity_ms, 0) AS capacity_use,
       coalesce(observed_ms, 0)::float8 / nullif(scheduled_ms, 0) AS coverage,
       coalesce(observed_ms, 0) < :weak_below * scheduled_ms OR scheduled_ms = 0 AS weak
FROM planned LEFT JOIN use USING (bucket) LEFT JOIN watched USING (bucket)
ORDER BY camera_id NULLS FIRST, zone_id NULLS FIRST, bucket
"""

_CAMERAS = """
SELECT c.camera_id, z.has_zones, z.revisions, coalesce(s.time_zone, 'UTC') AS time_zone
FROM cameras c LEFT JOIN sites s ON s.site_id = c.site_id CROSS JOIN LATERAL (
  SELECT count(*) > 0 AS has_zones,
         coalesce(array_agg(DISTINCT zones_revision ORDER BY zones_revision) FILTER (
           WHERE valid_from < :stop AND (valid_to IS NULL OR valid_to > :start)), '{}') AS revisions
  FROM zones WHERE zones.camera_id = c.camera_id) AS z
WHERE (CAST(:site_id AS text) IS NULL OR c.site_id = :site_id)
  AND (CAST(:camera_ids AS text[]) IS NULL OR c.camera_id = ANY(:camera_ids))
ORDER BY c.camera_id
"""

_WATERMARK = """
SELECT CASE WHEN count(*) = count(final_to) THEN min(final_to) END AS watermark FROM cameras c CROSS JOIN LATERAL (
  SELECT max(last.minute) + interval '1 minute' AS final_to
  FROM (SELECT DISTINCT zone_id FROM zones WHERE zones.camera_id = c.camera_id) AS zone
  CROSS JOIN LATERAL (SELECT minute FROM zone_minutes m WHERE m.camera_id = c.camera_id AND m.zone_id = zone.zone_id
                      ORDER BY minute DESC LIMIT 1) AS last) AS camera
WHERE c.camera_id = ANY(:camera_ids) AND c.enabled
"""


def cameras_asked(
    connection: Connection,
    site_id: str | None,
    camera_ids: Sequence[str] | None,
    span: tuple[datetime, datetime],
) -> Sequence[RowMapping]:
    """The cameras asked for: their time zone, whether they ever had a zone, and the revisions in force within `span`."""
    return rows(
        connection,
        _CAMERAS,
        site_id=site_id,
        camera_ids=None if camera_ids is None else list(camera_ids),
        start=span[0],
        stop=span[1],
    )


def watermark(connection: Connection, camera_ids: Sequence[str]) -> datetime | None:
    """Up to when the minutes of all these cameras that are enabled are final; None when one has none yet."""
    (row,) = rows(connection, _WATERMARK, camera_ids=list(camera_ids))
    found: datetime | None = row["watermark"]
    return found


def measures(connection: Connection, query: EfficiencyQuery) -> Sequence[RowMapping]:
    """Each measure by bucket (0: the whole range; else counted from 1) and zone (null: all zones together).

    Buckets without a minute are there for all zones together and missing for a single zone.
    """
    return rows(
        connection,
        _MEASURES,
        camera_ids=query.camera_ids,
        start=query.edges[0],
        stop=query.edges[-1],
        starts=query.edges[:-1],
        stops=query.edges[1:],
        now=query.now,
        weak_below=WEAK_BELOW,
    )
