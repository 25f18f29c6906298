"""Restated facts: which ranges of a camera are void, and views of what holds now; replay runs and their results.

Also what the edge says of itself, where a visit's entry stands in the log, and a schedule of any shifts, not only a site's.
"""

from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A mark voids what lies in its range with a lower restatement, and makes the facts with its own count. Each topic has its own.
RESTATEMENTS = """
CREATE TABLE restatements (
    camera_id text,
    topic text,
    restatement int CHECK (restatement > 0),
    run_id text NOT NULL,
    range_from timestamptz NOT NULL,
    range_to timestamptz NOT NULL,
    restated_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    seq_index int NOT NULL,
    PRIMARY KEY (camera_id, topic, restatement)
);
CREATE INDEX restatements_by_run ON restatements (run_id);
COMMENT ON COLUMN restatements.range_to IS 'Exclusive';
COMMENT ON COLUMN restatements.restated_at IS 'When the mark was appended to the topic';

CREATE FUNCTION restatement_spans(of_camera text, of_topic text, below int)
RETURNS TABLE (restatement int, since timestamptz, until timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 3 AS $$
  WITH mark AS MATERIALIZED (
    SELECT made.restatement, tstzmultirange(tstzrange(made.range_from, made.range_to)) AS span FROM restatements AS made
    WHERE made.camera_id = of_camera AND made.topic = of_topic AND coalesce(made.restatement < below, true)
    UNION ALL SELECT 0, tstzmultirange(tstzrange(NULL, NULL))
  )
  SELECT mark.restatement, coalesce(lower(part), '-infinity'), coalesce(upper(part), 'infinity')
  FROM mark CROSS JOIN LATERAL unnest(span - coalesce(
    (SELECT range_agg(higher.span) FROM mark AS higher WHERE higher.restatement > mark.restatement), '{}')) AS part
$$;
COMMENT ON FUNCTION restatement_spans IS 'Which restatement of a topic holds when: every moment lies in one span [since, until).
Only restatements lower than "below" are taken into account; null: all';
"""

# The time by which a fact lies in a range, and the topic whose marks decide.
RESTATED = {
    "tracks": ("started_at", "aforo.tracks.v1"),
    "track_positions": ("second", "aforo.tracks.v1"),
    "zone_visits": ("entered_at", "aforo.zone-visits.v1"),
    "line_crossings": ("crossed_at", "aforo.zone-visits.v1"),
    "zone_minutes": ("minute", "aforo.zone-minutes.v1"),
}
# The same rule as restatement_spans, row by row: the highest restatement whose range holds the fact, else 0. While there
# is no restatement, it costs a look into an empty table.
HELD = """
SELECT fact.*, own.restated_at FROM {table} AS fact
LEFT JOIN restatements AS own ON own.camera_id = fact.camera_id AND own.topic = '{topic}'
  AND own.restatement = fact.restatement AND own.range_from <= fact.{time} AND fact.{time} < own.range_to{below_own}
WHERE (fact.restatement = 0 OR own.restatement IS NOT NULL) AND NOT EXISTS (
  SELECT FROM restatements AS higher WHERE higher.camera_id = fact.camera_id AND higher.topic = '{topic}'
    AND higher.restatement > fact.restatement AND higher.range_from <= fact.{time} AND fact.{time} < higher.range_to{below_higher})
"""
VIEW = """
CREATE VIEW current_{table} AS {held};
COMMENT ON VIEW current_{table} IS 'What holds now; restated_at: null unless restated';
"""
BEFORE = """
CREATE FUNCTION {table}_before(below int) RETURNS SETOF current_{table} LANGUAGE sql STABLE PARALLEL SAFE AS $$ {held} $$;
COMMENT ON FUNCTION {table}_before IS 'What held before the restatement with this number; 1: as measured live';
"""

VISITS = """
ALTER TABLE zone_visits ADD COLUMN entered_seq bigint NOT NULL DEFAULT -1,
  ADD COLUMN entered_seq_index int NOT NULL DEFAULT -1;
UPDATE zone_visits SET entered_seq = seq, entered_seq_index = seq_index WHERE exited_at IS NULL;
CREATE INDEX zone_visits_by_entry_position ON zone_visits (camera_id, entered_seq, entered_seq_index);
CREATE INDEX line_crossings_by_position ON line_crossings (camera_id, seq, seq_index);
COMMENT ON COLUMN zone_visits.seq IS 'Of its newest record: the exit, once there is one';
COMMENT ON COLUMN zone_visits.entered_seq IS 'Of its ZoneEntered; -1: not stored';
"""

CAMERAS = """
ALTER TABLE cameras
  ADD COLUMN source text NOT NULL DEFAULT '',
  ADD COLUMN credentials text NOT NULL DEFAULT '',
  ADD COLUMN target_fps float8,
  ADD COLUMN masks jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN applied_revision int NOT NULL DEFAULT 0,
  ADD COLUMN applied_error text NOT NULL DEFAULT '',
  ADD COLUMN applied_at timestamptz,
  ADD COLUMN applied_seq bigint NOT NULL DEFAULT -1,
  ADD COLUMN applied_seq_index int NOT NULL DEFAULT -1;
COMMENT ON COLUMN cameras.credentials IS 'Name of a secret that the edge knows';
COMMENT ON COLUMN cameras.applied_revision IS 'Of the settings that the edge has reported last; 0: it has reported none';
COMMENT ON COLUMN cameras.applied_error IS 'Why it could not apply that revision; empty: it did';

CREATE TABLE frames_lost (
    camera_id text,
    seq bigint,
    seq_index int,
    session text NOT NULL,
    first_seq bigint,
    last_seq bigint,
    records bigint NOT NULL,
    first_observed_at timestamptz,
    last_observed_at timestamptz,
    dropped_at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (camera_id, seq, seq_index)
);
COMMENT ON TABLE frames_lost IS 'Records that an edge had to give up before they reached the log';
CREATE INDEX camera_events_by_type ON camera_events (camera_id, type, seq, seq_index);
"""

# Hours are read by camera, like minutes.
HOURS_BY_CAMERA = """
DROP INDEX zone_hours_by_time;
CREATE INDEX zone_hours_by_time ON zone_hours (camera_id, hour DESC);
"""
HOURS_BY_TIME = """
DROP INDEX zone_hours_by_time;
CREATE INDEX zone_hours_by_time ON zone_hours (hour DESC);
"""

RUNS = """
CREATE TABLE replay_runs (
    run_id text PRIMARY KEY,
    requested_by text NOT NULL DEFAULT '',
    requested_at timestamptz NOT NULL DEFAULT now(),
    cameras text[],
    range_from timestamptz NOT NULL,
    range_to timestamptz NOT NULL,
    zones jsonb,
    parameters jsonb NOT NULL DEFAULT '{}',
    shifts jsonb,
    state text NOT NULL DEFAULT 'REQUESTED' CHECK (state IN (
      'REQUESTED', 'RUNNING', 'DONE', 'FAILED', 'ADOPT_REQUESTED', 'ADOPTED', 'DROP_REQUESTED', 'DROPPED')),
    progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    error text,
    fold_version int,
    digest text,
    approximate boolean,
    summary jsonb,
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT range_not_empty CHECK (range_from < range_to)
);
CREATE INDEX replay_runs_by_request ON replay_runs (requested_at DESC, run_id DESC);
COMMENT ON COLUMN replay_runs.cameras IS 'Null: all';
COMMENT ON COLUMN replay_runs.zones IS 'In place of those in the log; null: as they were';
COMMENT ON COLUMN replay_runs.parameters IS 'track_timeout_ms and max_gap_ms, where they are to differ';
COMMENT ON COLUMN replay_runs.shifts IS 'In place of the sites'' own: {"shifts": rows of shifts, "exceptions": rows of shift_exceptions}';

CREATE TABLE run_zone_visits (run_id text, LIKE zone_visits INCLUDING DEFAULTS,
  PRIMARY KEY (run_id, camera_id, track_no, zone_id, entered_at, restatement));
CREATE INDEX run_zone_visits_by_entry ON run_zone_visits (run_id, camera_id, zone_id, entered_at DESC);
CREATE TABLE run_line_crossings (run_id text, LIKE line_crossings INCLUDING DEFAULTS,
  PRIMARY KEY (run_id, camera_id, track_no, line_id, crossed_at, restatement));
CREATE INDEX run_line_crossings_by_time ON run_line_crossings (run_id, camera_id, line_id, crossed_at DESC);
CREATE TABLE run_tracks (run_id text, LIKE tracks INCLUDING DEFAULTS,
  PRIMARY KEY (run_id, camera_id, track_no, started_at, restatement));
CREATE TABLE run_zone_minutes (run_id text, LIKE zone_minutes INCLUDING DEFAULTS,
  PRIMARY KEY (run_id, camera_id, zone_id, minute, zones_revision, restatement));
CREATE INDEX run_zone_minutes_by_time ON run_zone_minutes (run_id, camera_id, minute DESC);
CREATE TABLE run_zones (run_id text, LIKE zones INCLUDING DEFAULTS,
  PRIMARY KEY (run_id, camera_id, zone_id, zones_revision));
"""

SCHEDULE = """
CREATE FUNCTION shift_schedule(zone text, shifts jsonb, exceptions jsonb, since timestamptz, until timestamptz)
RETURNS TABLE (starts timestamptz, ends timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  WITH defined AS (
    SELECT * FROM jsonb_to_recordset(shifts) AS shift (
      weekday int, start_local time, end_local time, valid_from date, valid_to date)
  ), excepted AS (
    SELECT * FROM jsonb_to_recordset(exceptions) AS exception (date date, start_local time, end_local time)
  ), always AS (
    SELECT weekday, time '00:00' AS start_local, time '00:00' AS end_local, NULL::date AS valid_from, NULL::date AS valid_to
    FROM generate_series(1, 7) AS weekday WHERE NOT EXISTS (SELECT FROM defined)
  ), days AS (  -- a shift of the day before may last into the range
    SELECT moment::date AS day FROM generate_series(
      date_trunc('day', since AT TIME ZONE zone) - interval '1 day', (until AT TIME ZONE zone) + interval '1 day',
      interval '1 day') AS moment
  ), hours AS (
    SELECT clock_span(day, start_local, end_local) AS shown
    FROM days JOIN (TABLE defined UNION ALL TABLE always) AS weekly ON weekday = extract(isodow FROM day)
    WHERE coalesce(day >= valid_from, true) AND coalesce(day <= valid_to, true)
      AND NOT EXISTS (SELECT FROM excepted WHERE date = day)
    UNION ALL
    SELECT clock_span(day, start_local, end_local) FROM days JOIN excepted ON date = day WHERE start_local IS NOT NULL
  ), joined AS (
    SELECT range_agg(tstzrange(clock_moment(lower(shown), zone), clock_moment(upper(shown), zone))) AS open FROM hours
  )
  SELECT lower(part), upper(part)
  FROM joined CROSS JOIN unnest(open * tstzmultirange(tstzrange(since, until))) AS part ORDER BY 1;
END;
COMMENT ON FUNCTION shift_schedule IS 'The times within [since, until) in which these shifts, as rows of shifts and
shift_exceptions, have a place watched, in order and apart; without shifts it is so on every day that no exception names';

CREATE OR REPLACE FUNCTION site_schedule(site_id text, since timestamptz, until timestamptz)
RETURNS TABLE (starts timestamptz, ends timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT planned.starts, planned.ends
  FROM (SELECT site_schedule.site_id AS asked) AS named
  LEFT JOIN sites AS site ON site.site_id = asked
  CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(shift)), '[]') AS rows FROM shifts AS shift
    WHERE shift.site_id = asked AND shift.revision = shifts_revision) AS weekly
  CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(exception)), '[]') AS rows FROM shift_exceptions AS exception
    WHERE exception.site_id = asked AND exception.revision = shifts_revision) AS excepted
  CROSS JOIN LATERAL shift_schedule(coalesce(time_zone, 'UTC'), weekly.rows, excepted.rows, since, until) AS planned
  ORDER BY 1;
END;
COMMENT ON FUNCTION site_schedule IS 'The schedule of a site''s own shifts, on its clock';
"""

AWAY = """
DROP FUNCTION site_schedule, shift_schedule;
DROP TABLE run_zone_visits, run_line_crossings, run_tracks, run_zone_minutes, run_zones, replay_runs, frames_lost;
DROP INDEX camera_events_by_type;
DROP INDEX line_crossings_by_position;
ALTER TABLE zone_visits DROP COLUMN entered_seq, DROP COLUMN entered_seq_index;
ALTER TABLE cameras DROP COLUMN source, DROP COLUMN credentials, DROP COLUMN target_fps, DROP COLUMN masks,
  DROP COLUMN applied_revision, DROP COLUMN applied_error, DROP COLUMN applied_at, DROP COLUMN applied_seq,
  DROP COLUMN applied_seq_index;
DROP FUNCTION restatement_spans;
DROP TABLE restatements;
"""


def held(table: str, below: str = "") -> str:
    """What holds of a table's facts; with `below`, when only the restatements lower than that are there."""
    time, topic = RESTATED[table]
    limits = {name: f" AND {name}.restatement < {below}" if below else "" for name in ("own", "higher")}
    return HELD.format(table=table, time=time, topic=topic, below_own=limits["own"], below_higher=limits["higher"])


def upgrade() -> None:
    for statements in (RESTATEMENTS, VISITS, CAMERAS, HOURS_BY_CAMERA, RUNS, SCHEDULE):
        op.execute(statements)
    for table in RESTATED:
        op.execute(VIEW.format(table=table, held=held(table)))
        op.execute(BEFORE.format(table=table, held=held(table, f"{table}_before.below")))


def downgrade() -> None:
    for table in RESTATED:
        op.execute(f"DROP FUNCTION {table}_before; DROP VIEW current_{table}")
    for statements in (AWAY, HOURS_BY_TIME, context.script.get_revision("0002").module.SCHEDULE):
        op.execute(statements)
