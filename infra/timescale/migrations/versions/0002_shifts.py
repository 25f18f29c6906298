"""Sites with their versions, shifts and exceptions, and when a site is scheduled: the only place that knows calendars.

Wall clocks are read by the database alone, so that one edition of the time zones decides. Minutes are also found by camera.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Versions and shifts are only ever added: each change of a site writes a version, and sites is the one in force.
TABLES = """
ALTER TABLE sites ADD COLUMN revision int NOT NULL DEFAULT 1, ADD COLUMN shifts_revision int NOT NULL DEFAULT 0;
COMMENT ON COLUMN sites.shifts_revision IS 'The revision that defined the shifts in force; 0: none did';
ALTER TABLE sites ADD CONSTRAINT known_time_zone CHECK (timestamp '2000-01-01' AT TIME ZONE time_zone IS NOT NULL);

CREATE TABLE site_versions (
    site_id text,
    revision int,
    name text NOT NULL,
    time_zone text NOT NULL,
    shifts_revision int NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, revision)
);
INSERT INTO site_versions (site_id, revision, name, time_zone, shifts_revision, changed_by, changed_at)
SELECT site_id, revision, name, time_zone, shifts_revision, 'migration', created_at FROM sites;

CREATE TABLE shifts (
    site_id text,
    revision int,
    shift_no int,
    weekday int NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    start_local time NOT NULL CHECK (start_local = date_trunc('minute', start_local)),
    end_local time NOT NULL CHECK (end_local = date_trunc('minute', end_local)),
    valid_from date,
    valid_to date,
    PRIMARY KEY (site_id, revision, shift_no),
    FOREIGN KEY (site_id, revision) REFERENCES site_versions,
    CONSTRAINT valid_from_before_valid_to CHECK (valid_from <= valid_to)
);
COMMENT ON COLUMN shifts.weekday IS 'On which it begins: Monday is 1, Sunday 7';
COMMENT ON COLUMN shifts.end_local IS 'At or before start_local: on the next day';
COMMENT ON COLUMN shifts.valid_to IS 'The last date on which it begins';

CREATE TABLE shift_exceptions (
    site_id text,
    revision int,
    exception_no int,
    date date NOT NULL,
    start_local time CHECK (start_local = date_trunc('minute', start_local)),
    end_local time CHECK (end_local = date_trunc('minute', end_local)),
    PRIMARY KEY (site_id, revision, exception_no),
    FOREIGN KEY (site_id, revision) REFERENCES site_versions,
    CONSTRAINT hours_or_closed CHECK ((start_local IS NULL) = (end_local IS NULL))
);
COMMENT ON TABLE shift_exceptions IS 'What holds in place of all shifts that would begin on a date; without hours: closed';
"""

# A clock set back shows a time twice, one set forward skips times. "The first moment at which it shows this or later" is
# one answer to both, and keeps the order of times, so that shifts which do not overlap on the clock never do.
CLOCK = """
CREATE FUNCTION clock_moment(shown timestamp, zone text) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
  SELECT CASE
    WHEN usual AT TIME ZONE zone = shown AND (usual - interval '24 hours') AT TIME ZONE zone = shown - interval '24 hours'
    THEN usual
    ELSE (SELECT min(moment) FROM generate_series(usual - interval '24 hours', usual, interval '1 minute') AS moment
          WHERE moment AT TIME ZONE zone >= shown)
    END
  FROM (SELECT shown AT TIME ZONE zone AS usual) AS read
);
COMMENT ON FUNCTION clock_moment IS 'The first moment at which the clock of a time zone shows this or later';

CREATE FUNCTION clock_span(day date, start_local time, end_local time) RETURNS tsrange LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN tsrange(day + start_local, day + end_local + CASE WHEN end_local <= start_local THEN 1 ELSE 0 END * interval '1 day');
COMMENT ON FUNCTION clock_span IS 'What the clock shows during a shift that begins on this day';
"""

SCHEDULE = """
CREATE FUNCTION site_schedule(site_id text, since timestamptz, until timestamptz)
RETURNS TABLE (starts timestamptz, ends timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  WITH site AS MATERIALIZED (
    SELECT known.site_id, shifts_revision AS revision, coalesce(time_zone, 'UTC') AS zone
    FROM (SELECT site_schedule.site_id AS asked) AS named LEFT JOIN sites AS known ON known.site_id = asked
  ), defined AS (
    SELECT weekday, start_local, end_local, valid_from, valid_to FROM site JOIN shifts USING (site_id, revision)
  ), excepted AS (
    SELECT date, start_local, end_local FROM site JOIN shift_exceptions USING (site_id, revision)
  ), always AS (
    SELECT weekday, time '00:00' AS start_local, time '00:00' AS end_local, NULL::date AS valid_from, NULL::date AS valid_to
    FROM generate_series(1, 7) AS weekday WHERE NOT EXISTS (SELECT FROM defined)
  ), days AS (  -- a shift of the day before may last into the range
    SELECT moment::date AS day, zone FROM site CROSS JOIN generate_series(
      date_trunc('day', since AT TIME ZONE zone) - interval '1 day', (until AT TIME ZONE zone) + interval '1 day',
      interval '1 day') AS moment
  ), hours AS (
    SELECT clock_span(day, start_local, end_local) AS shown, zone
    FROM days JOIN (TABLE defined UNION ALL TABLE always) AS weekly ON weekday = extract(isodow FROM day)
    WHERE coalesce(day >= valid_from, true) AND coalesce(day <= valid_to, true)
      AND NOT EXISTS (SELECT FROM excepted WHERE date = day)
    UNION ALL
    SELECT clock_span(day, start_local, end_local), zone FROM days JOIN excepted ON date = day WHERE start_local IS NOT NULL
  ), joined AS (
    SELECT range_agg(tstzrange(clock_moment(lower(shown), zone), clock_moment(upper(shown), zone))) AS open FROM hours
  )
  SELECT lower(part), upper(part)
  FROM joined CROSS JOIN unnest(open * tstzmultirange(tstzrange(since, until))) AS part ORDER BY 1;
END;
COMMENT ON FUNCTION site_schedule IS 'The times within [since, until) in which a site is to be watched, in order and apart;
a site without shifts is so on every day that no exception names';
"""

# A pair of weekly shifts overlaps if it does on the first day on which both hold, whatever exceptions hide that day.
OVERLAPS = """
CREATE FUNCTION shift_overlaps(of_site text, of_revision int) RETURNS TABLE (earlier text, later text, day date)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH entry AS (
    SELECT 'shifts.' || shift_no AS path, weekday, start_local, end_local, false AS once,
           coalesce(valid_from, date '0001-01-01') AS first_day, coalesce(valid_to, date '9999-12-31') AS last_day
    FROM shifts WHERE site_id = of_site AND revision = of_revision
    UNION ALL
    SELECT 'exceptions.' || exception_no, extract(isodow FROM date)::int, start_local, end_local, true, date, date
    FROM shift_exceptions WHERE site_id = of_site AND revision = of_revision AND start_local IS NOT NULL
  ), excepted AS (
    SELECT DISTINCT date FROM shift_exceptions WHERE site_id = of_site AND revision = of_revision
  ), pair AS (
    SELECT a, b, days, greatest(a.first_day, b.first_day - days) AS since, least(a.last_day, b.last_day - days) AS until
    FROM entry AS a CROSS JOIN entry AS b CROSS JOIN generate_series(0, 1) AS days  -- b begins on the same day or the next
    WHERE (a.weekday + days - b.weekday) % 7 = 0 AND a.path <> b.path AND (days = 1 OR a.path < b.path)
  ), met AS (
    SELECT a, b, days, until, since + (((a).weekday - extract(isodow FROM since)::int) + 7) % 7 AS day FROM pair
  )
  SELECT (a).path, (b).path, met.day FROM met
  WHERE met.day <= until
    AND clock_span(met.day, (a).start_local, (a).end_local) && clock_span(met.day + days, (b).start_local, (b).end_local)
    AND ((a).once OR NOT (b).once OR met.day NOT IN (SELECT date FROM excepted))
    AND ((b).once OR NOT (a).once OR met.day + days NOT IN (SELECT date FROM excepted))
  ORDER BY met.day, 1, 2;
END;
COMMENT ON FUNCTION shift_overlaps IS 'Shifts and exceptions of a site that would have it scheduled twice, on the first such day';

CREATE FUNCTION refuse_overlapping_shifts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE clash record;
BEGIN
  SELECT overlap.* INTO clash FROM (SELECT DISTINCT site_id, revision FROM added) AS changed
  CROSS JOIN LATERAL shift_overlaps(changed.site_id, changed.revision) AS overlap LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'exclusion_violation', DETAIL = clash.later, TABLE = TG_TABLE_NAME,
      MESSAGE = format('%s and %s overlap on %s. Shorten or remove one of them.', clash.earlier, clash.later, clash.day);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER no_overlap AFTER INSERT ON shifts REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION refuse_overlapping_shifts();
CREATE TRIGGER no_overlap AFTER INSERT ON shift_exceptions REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION refuse_overlapping_shifts();
"""

# By time alone, the planner read the minutes of all cameras to find those of a few.
MINUTES_BY_CAMERA = """
DROP INDEX zone_minutes_by_time;
CREATE INDEX zone_minutes_by_time ON zone_minutes (camera_id, minute DESC);
"""
MINUTES_BY_TIME = """
DROP INDEX zone_minutes_by_time;
CREATE INDEX zone_minutes_by_time ON zone_minutes (minute DESC);
"""

AWAY = """
DROP FUNCTION site_schedule, shift_overlaps, clock_span, clock_moment;
DROP TABLE shift_exceptions, shifts, site_versions;
DROP FUNCTION refuse_overlapping_shifts;
ALTER TABLE sites DROP CONSTRAINT known_time_zone, DROP COLUMN shifts_revision, DROP COLUMN revision;
"""


def upgrade() -> None:
    for statements in (TABLES, CLOCK, SCHEDULE, OVERLAPS, MINUTES_BY_CAMERA):
        op.execute(statements)


def downgrade() -> None:
    for statements in (MINUTES_BY_TIME, AWAY):
        op.execute(statements)
