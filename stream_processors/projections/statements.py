"""The SQL of the read model's writer, made from the rules: one staging table and one statement for each of them."""

from collections.abc import Iterable
from functools import cache

from psycopg2 import sql

from stream_processors.projections.rules import Rule

FIRST_OFFSET = """
INSERT INTO ingest_offsets (consumer, topic, part, next_offset) VALUES (%s, %s, %s, 0) ON CONFLICT DO NOTHING
"""
NEXT_OFFSET = "SELECT next_offset FROM ingest_offsets WHERE consumer = %s AND topic = %s AND part = %s"
MOVE_OFFSET = """
UPDATE ingest_offsets SET next_offset = %s, updated_at = now()
WHERE consumer = %s AND topic = %s AND part = %s AND next_offset = %s
"""

# Sums anew each hour that a staged minute belongs to: at every commit an hour equals the sum of its minutes.
# Kind and capacity are the same throughout a revision.
SUM_HOURS = """
INSERT INTO zone_hours
SELECT camera_id, zone_id, hour, zones_revision, restatement, max(kind), max(capacity), count(*),
    sum(person_ms), sum(exclusive_person_ms), sum(occupied_ms), sum(observed_ms), sum(frames), max(peak),
    sum(entries), sum(exits), sum(starts), sum(ends), sum(visits_closed), sum(dwell_ms_sum), max(dwell_ms_max),
    sum(dwell_under_5s), sum(dwell_5s_15s), sum(dwell_15s_60s), sum(dwell_60s_300s), sum(dwell_from_300s)
FROM zone_minutes JOIN (
    SELECT DISTINCT camera_id, zone_id, date_trunc('hour', minute, 'UTC') AS hour, zones_revision, restatement
    FROM stage_zone_minute
) AS touched USING (camera_id, zone_id, zones_revision, restatement)
WHERE minute >= hour AND minute < hour + interval '1 hour'
GROUP BY camera_id, zone_id, hour, zones_revision, restatement
ON CONFLICT (camera_id, zone_id, hour, zones_revision, restatement) DO UPDATE SET
    kind = excluded.kind, capacity = excluded.capacity, minutes = excluded.minutes,
    person_ms = excluded.person_ms, exclusive_person_ms = excluded.exclusive_person_ms,
    occupied_ms = excluded.occupied_ms, observed_ms = excluded.observed_ms,
    frames = excluded.frames, peak = excluded.peak,
    entries = excluded.entries, exits = excluded.exits, starts = excluded.starts, ends = excluded.ends,
    visits_closed = excluded.visits_closed, dwell_ms_sum = excluded.dwell_ms_sum, dwell_ms_max = excluded.dwell_ms_max,
    dwell_under_5s = excluded.dwell_under_5s, dwell_5s_15s = excluded.dwell_5s_15s,
    dwell_15s_60s = excluded.dwell_15s_60s, dwell_60s_300s = excluded.dwell_60s_300s,
    dwell_from_300s = excluded.dwell_from_300s
"""

# After the count of partitions has grown, a camera's history lies in two of them, and the later part may be read first: then
# the record that ends a revision is there already when the revision comes.
_END_LATE = sql.SQL("""
UPDATE {table} AS late SET valid_to = timestamptz 'epoch' + (body ->> 'effective_at')::bigint * interval '1 millisecond'
FROM camera_events AS next
WHERE next.camera_id = late.camera_id AND next.type = 'ZonesDefined' AND (body ->> 'revision')::int = late.zones_revision + 1
  AND late.valid_to IS NULL AND (late.camera_id, late.zones_revision) IN (SELECT camera_id, zones_revision FROM {stage})
""")

_STAGE = sql.SQL("CREATE TEMP TABLE {stage} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {table} WITH NO DATA")
_COPY = sql.SQL("COPY {stage} ({columns}) FROM STDIN (FORMAT binary)")
_INSERT = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {source} ON CONFLICT ({key}) DO NOTHING")
_UPSERT = sql.SQL(
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM {source} "
    "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({guard}) < ({new_guard})"
)
_UPDATE = sql.SQL("UPDATE {table} SET {assignments} FROM {source} AS excluded WHERE {same_key}")
_UPDATE_FORWARD = sql.SQL(f"{_UPDATE.string} AND ({{guard}}) < ({{new_guard}})")

_APPLY = {(True, False): _INSERT, (True, True): _UPSERT, (False, False): _UPDATE, (False, True): _UPDATE_FORWARD}


@cache
def stage(rule: Rule) -> sql.Composed:
    """Makes the rule's staging table, which every commit empties."""
    return _STAGE.format(stage=_stage(rule), **_parts(rule))


@cache
def copy(rule: Rule) -> sql.Composed:
    """Fills it."""
    return _COPY.format(stage=_stage(rule), **_parts(rule))


@cache
def apply(rule: Rule) -> sql.Composed:
    """Brings what is staged, one row of each key, into the rule's table."""
    return apply_from(_stage(rule), rule)


def apply_from(source: sql.Identifier, rule: Rule) -> sql.Composed:
    """Brings the rows of any table with the rule's columns, one row of each key, into the rule's table."""
    return _APPLY[rule.creates, bool(rule.guard)].format(source=source, **_parts(rule))


def end_late(rule: Rule) -> sql.Composed:
    """Ends what is staged of zones or lines where a later revision is known already."""
    return _END_LATE.format(table=sql.Identifier(rule.table), stage=_stage(rule))


def _stage(rule: Rule) -> sql.Identifier:
    return sql.Identifier(f"stage_{rule.name}")


def _parts(rule: Rule) -> dict[str, sql.Composable]:
    new = {name: sql.Identifier("excluded", name) for name in rule.types}
    old = {name: sql.Identifier(rule.table, name) for name in rule.types}
    assigned = [sql.SQL("{} = {}").format(sql.Identifier(name), new[name]) for name in rule.values]
    equal = [sql.SQL("{} = {}").format(old[name], new[name]) for name in rule.key]
    return {
        "table": sql.Identifier(rule.table),
        "columns": _listed(map(sql.Identifier, rule.types)),
        "key": _listed(map(sql.Identifier, rule.key)),
        "assignments": _listed(assigned),
        "same_key": sql.SQL(" AND ").join(equal),
        "guard": _listed(old[name] for name in rule.guard),
        "new_guard": _listed(new[name] for name in rule.guard),
    }


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(list(parts))
