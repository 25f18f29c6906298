"""The measures of efficiency, computed from zone minutes inside shifts: the only place that holds their formulas.

Minutes without a record are unknown and enter neither side of a division; a measure without a divisor is null, and so
is person time where nothing was observed. docs/meaning.md says what each measure means. Whole hours are read from
zone_hours, which are the sums of their minutes.
"""

# ruff: noqa: S608 - only fragments written in this module are put together; values are parameters

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.facts import AsOf, BeforeRun, Facts, OfRun
from graphql_api.sql.rows import rows

WEAK_BELOW = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyQuery:
    """Which minutes: of `camera_ids`, in buckets from `edges[i]` up to `edges[i + 1]`; all edges are whole minutes.

    Time after `now` is not scheduled yet. `shifts` are {"shifts": rows of shifts, "exceptions": rows of
    shift_exceptions} that hold at every site in place of its own, on its clock. `by_zone` asks for the rows of single zones too, which
    are most of them.
    """

    camera_ids: list[str]
    edges: list[datetime]
    now: datetime
    facts: Facts = AsOf.CURRENT
    shifts: Mapping[str, Any] | None = None
    by_zone: bool = True


_TOPIC = "aforo.zone-minutes.v1"

# Which restatement of a camera's minutes holds when. A run's own minutes are all of one kind.
_SPANS = f"restatement_spans(camera_id, '{_TOPIC}', {{below}})"
_RESTATEMENT_OF_RUN = f"""(SELECT restatement FROM restatements AS adopted
    WHERE adopted.camera_id = asked.camera_id AND topic = '{_TOPIC}' AND run_id = :run_id)"""
_ONE_SPAN = "(SELECT 0 AS restatement, timestamptz '-infinity' AS since, timestamptz 'infinity' AS until)"

_SITES_OWN = "site_schedule(site_id, :start, :stop)"
_GIVEN = """shift_schedule(coalesce(time_zone, 'UTC'), CAST(:shifts AS jsonb) -> 'shifts',
    CAST(:shifts AS jsonb) -> 'exceptions', :start, :stop)"""

_COLUMNS = """zone_id, zones_revision, kind, nullif(capacity, 0) AS capacity,
        person_ms, exclusive_person_ms, occupied_ms, observed_ms, frames, peak"""
# Hours where there are any, minutes at both ends; where there are none of these, the chunks of minutes are not even looked for.
_PUBLISHED = f"""
      SELECT {_COLUMNS} FROM zone_hours AS seen
      WHERE seen.camera_id = stretch.camera_id AND seen.restatement = stretch.restatement
        AND hour >= first_hour AND hour < last_hour
      UNION ALL SELECT {_COLUMNS} FROM zone_minutes AS seen
      WHERE seen.camera_id = stretch.camera_id AND seen.restatement = stretch.restatement
        AND minute >= stretch.since AND minute < least(first_hour, stretch.until) AND stretch.since < first_hour
      UNION ALL SELECT {_COLUMNS} FROM zone_minutes AS seen
      WHERE seen.camera_id = stretch.camera_id AND seen.restatement = stretch.restatement
        AND minute >= last_hour AND minute < stretch.until AND last_hour < stretch.until"""
_OF_RUN = f"""
      SELECT {_COLUMNS} FROM run_zone_minutes AS seen
      WHERE run_id = :run_id AND seen.camera_id = stretch.camera_id AND minute >= stretch.since AND minute < stretch.until"""

_EACH_ZONE = "camera_id, zone_id", ", (bucket, camera_id, zone_id), (camera_id, zone_id)"
_NO_ZONE = "NULL AS camera_id, NULL AS zone_id", ""

# A piece is what one site was scheduled of one bucket, a stretch the part of it in which one restatement of one camera holds.
# Sums are taken stretch by stretch, each of which is a stretch of the indexes; `parts` has a row per stretch, zone and
# revision, and the rest adds up those few.
# All zones of a camera share the observed time and the frames of a revision, so `watched` takes them once per camera: of its
# fullest zone. A camera sends a frame a second even while its motion gate is shut; far fewer, and movements went unseen.
# Bucket 0 is the whole range, zone null is all zones. Shifts are whole minutes, and a minute counts when all of it is scheduled.
_MEASURES = """
WITH asked AS MATERIALIZED (
  SELECT camera_id, site_id FROM cameras WHERE camera_id = ANY(:camera_ids)
), piece AS MATERIALIZED (
  SELECT bucket, site_id, cameras, greatest(starts, opens) AS opens, least(ends, closes) AS closes
  FROM (SELECT site_id, count(*) AS cameras FROM asked GROUP BY 1) AS site
  LEFT JOIN sites USING (site_id)
  CROSS JOIN LATERAL {schedule} AS scheduled
  JOIN unnest(CAST(:starts AS timestamptz[]), CAST(:stops AS timestamptz[])) WITH ORDINALITY AS cut(opens, closes, bucket)
    ON greatest(starts, opens) < least(ends, closes)
), stretch AS MATERIALIZED (
  SELECT bucket, camera_id, restatement, cut.since, cut.until, first_hour,
         greatest(first_hour, date_bin('1 hour', cut.until, 'epoch')) AS last_hour
  FROM asked CROSS JOIN LATERAL {spans} AS span
  JOIN piece USING (site_id)
  CROSS JOIN LATERAL (
    SELECT greatest(opens, span.since) AS since, least(date_trunc('minute', closes), span.until) AS until) AS cut
  CROSS JOIN LATERAL (
    SELECT date_bin('1 hour', cut.since + interval '1 hour' - interval '1 microsecond', 'epoch') AS first_hour) AS whole
  WHERE cut.since < cut.until
), parts AS MATERIALIZED (
  SELECT bucket, stretch.since, camera_id, sums.* FROM stretch CROSS JOIN LATERAL (
    SELECT zone_id, zones_revision, kind, capacity, sum(person_ms) AS person_ms,
           sum(exclusive_person_ms) AS exclusive_person_ms, sum(occupied_ms) AS occupied_ms,
           sum(observed_ms) AS observed_ms, sum(frames) AS frames, max(peak) AS peak
    FROM ({minutes}) AS seen
    GROUP BY zone_id, zones_revision, kind, capacity) AS sums
), use AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket, {zone},
         CASE WHEN count(*) > 0 THEN coalesce(sum(exclusive_person_ms) FILTER (WHERE kind = 'WORK'), 0) END AS work_ms,
         sum(exclusive_person_ms) AS present_ms, sum(occupied_ms) AS occupied_ms, sum(observed_ms) AS zone_ms,
         sum(person_ms) AS person_ms, max(peak) AS peak,
         sum(person_ms) FILTER (WHERE capacity IS NOT NULL) AS placed_ms, sum(capacity * observed_ms) AS capacity_ms
  FROM parts GROUP BY GROUPING SETS ((bucket), (){by_zone})
), watched AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket, sum(observed_ms) AS observed_ms,
         sum(frames) AS frames
  FROM (SELECT bucket, since, camera_id, zones_revision, max(observed_ms) AS observed_ms, max(frames) AS frames
        FROM parts GROUP BY 1, 2, 3, 4) AS once GROUP BY GROUPING SETS ((bucket), ())
), planned AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket,
         coalesce(sum(1000 * cameras * extract(epoch FROM least(closes, :now) - opens)) FILTER (WHERE opens < :now), 0)
           AS scheduled_ms
  FROM generate_series(1, cardinality(CAST(:starts AS timestamptz[]))) AS bucket LEFT JOIN piece USING (bucket)
  GROUP BY GROUPING SETS ((bucket), ())
), corrected AS (
  SELECT CASE WHEN grouping(bucket) = 0 THEN bucket ELSE 0 END AS bucket, max(restated_at) AS restated_at
  FROM stretch JOIN restatements USING (camera_id, restatement)
  WHERE topic = :topic GROUP BY GROUPING SETS ((bucket), ())
)
SELECT bucket::int AS bucket, camera_id, zone_id,
       work_ms::float8 AS work_ms, present_ms::float8 AS present_ms,
       coalesce(observed_ms, 0)::float8 AS observed_ms, scheduled_ms::float8 AS scheduled_ms,
       work_ms::float8 / nullif(present_ms, 0) AS efficiency,
       occupied_ms::float8 / nullif(zone_ms, 0) AS utilisation,
       placed_ms::float8 / nullif(capacity_ms, 0) AS capacity_use,
       person_ms::float8 / nullif(zone_ms, 0) AS people, peak,
       coalesce(observed_ms, 0)::float8 / nullif(scheduled_ms, 0) AS coverage,
       coalesce(observed_ms, 0) < :weak_below * scheduled_ms OR scheduled_ms = 0
         OR coalesce(1000 * frames < :weak_below * observed_ms, false) AS weak,
       restated_at
FROM planned LEFT JOIN use USING (bucket) LEFT JOIN watched USING (bucket) LEFT JOIN corrected USING (bucket)
ORDER BY camera_id NULLS FIRST, zone_id NULLS FIRST, bucket
"""

_CAMERAS = """
SELECT c.camera_id, z.has_zones OR EXISTS (
         SELECT FROM run_zone_minutes AS seen WHERE seen.run_id = :run_id AND seen.camera_id = c.camera_id) AS has_zones,
       z.revisions, coalesce(s.time_zone, 'UTC') AS time_zone
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
    facts: Facts = AsOf.CURRENT,
) -> Sequence[RowMapping]:
    """The cameras asked for: their time zone, whether they ever had a zone, and the revisions in force within `span`.

    Those that a run gives zones to have zones in its facts.
    """
    return rows(
        connection,
        _CAMERAS,
        site_id=site_id,
        camera_ids=None if camera_ids is None else list(camera_ids),
        start=span[0],
        stop=span[1],
        run_id=facts.run_id if isinstance(facts, OfRun) else None,
    )


def watermark(connection: Connection, camera_ids: Sequence[str]) -> datetime | None:
    """Up to when the minutes of all these cameras that are enabled are final; None when one has none yet."""
    (row,) = rows(connection, _WATERMARK, camera_ids=list(camera_ids))
    found: datetime | None = row["watermark"]
    return found


def measures(connection: Connection, query: EfficiencyQuery) -> Sequence[RowMapping]:
    """Each measure by bucket (0: the whole range; else counted from 1) and zone (null: all zones together).

    Buckets without a minute are there for all zones together and missing for a single zone; zones are, if asked for.
    """
    return rows(
        connection,
        _statement(query),
        camera_ids=query.camera_ids,
        start=query.edges[0],
        stop=query.edges[-1],
        starts=query.edges[:-1],
        stops=query.edges[1:],
        now=query.now,
        weak_below=WEAK_BELOW,
        topic=_TOPIC,
        run_id=getattr(query.facts, "run_id", None),
        shifts=json.dumps(query.shifts, default=str),
    )


def _statement(query: EfficiencyQuery) -> str:
    spans, minutes = _sources(query.facts)
    zone, by_zone = _EACH_ZONE if query.by_zone else _NO_ZONE
    schedule = _SITES_OWN if query.shifts is None else _GIVEN
    return _MEASURES.format(spans=spans, minutes=minutes, schedule=schedule, zone=zone, by_zone=by_zone)


def _sources(facts: Facts) -> tuple[str, str]:
    match facts:
        case OfRun():
            return _ONE_SPAN, _OF_RUN
        case BeforeRun():
            return _SPANS.format(below=_RESTATEMENT_OF_RUN), _PUBLISHED
        case AsOf():
            return _SPANS.format(below="NULL" if facts is AsOf.CURRENT else "1"), _PUBLISHED
