"""The read model: facts, projections of camera-events, write positions, and the API's first table.

One file for all editions: the tables are the same everywhere, TimescaleDB turns the facts into hypertables, and its
Timescale licence adds compression. Retention is no part of the schema, because its days are a setting.
"""

from alembic import op

from infra.timescale.edition import edition_of

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OFFSETS = """
CREATE TABLE ingest_offsets (
    consumer text,
    topic text,
    part int,
    next_offset bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, topic, part)
);
"""

# seq = epoch * 2^48 + offset of the causing record in the camera's log; seq_index counts the records of one cause
FACTS = """
CREATE TABLE tracks (
    camera_id text,
    track_no bigint,
    started_at timestamptz,
    restatement int NOT NULL DEFAULT 0,
    last_seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    observations bigint NOT NULL,
    seq bigint NOT NULL,
    seq_index int NOT NULL,
    PRIMARY KEY (camera_id, track_no, started_at, restatement)
);
CREATE INDEX tracks_by_start ON tracks (camera_id, started_at DESC);

CREATE TABLE track_positions (
    camera_id text,
    track_no bigint,
    second timestamptz,
    restatement int NOT NULL DEFAULT 0,
    offset_ms smallint NOT NULL,
    foot_x int NOT NULL,
    foot_y int NOT NULL,
    width int NOT NULL,
    height int NOT NULL,
    score_pct smallint NOT NULL,
    PRIMARY KEY (camera_id, track_no, second, restatement)
);
CREATE INDEX track_positions_by_time ON track_positions (camera_id, second DESC);
COMMENT ON TABLE track_positions IS 'The first observation of each track in each UTC second of event time';
COMMENT ON COLUMN track_positions.offset_ms IS 'Observed at second + offset_ms';
COMMENT ON COLUMN track_positions.foot_x IS 'Middle of the lower edge of the box, 1/10000 of the frame width';
COMMENT ON COLUMN track_positions.foot_y IS 'Lower edge of the box, 1/10000 of the frame height, 0..10000';
COMMENT ON COLUMN track_positions.width IS 'Width of the box, pixels';
COMMENT ON COLUMN track_positions.height IS 'Height of the box, pixels';

CREATE TABLE zone_visits (
    camera_id text,
    track_no bigint,
    zone_id text,
    entered_at timestamptz,
    restatement int NOT NULL DEFAULT 0,
    entered_at_min timestamptz,
    entered_at_max timestamptz NOT NULL,
    entry_reason text NOT NULL,
    exited_at timestamptz,
    exited_at_min timestamptz,
    exited_at_max timestamptz,
    dwell_ms bigint,
    exit_reason text,
    zones_revision int NOT NULL,
    seq bigint NOT NULL,
    seq_index int NOT NULL,
    PRIMARY KEY (camera_id, track_no, zone_id, entered_at, restatement)
);
CREATE INDEX zone_visits_by_entry ON zone_visits (camera_id, zone_id, entered_at DESC);
CREATE INDEX zone_visits_by_position ON zone_visits (camera_id, seq, seq_index);

CREATE TABLE line_crossings (
    camera_id text,
    track_no bigint,
    line_id text,
    crossed_at timestamptz,
    restatement int NOT NULL DEFAULT 0,
    crossed_at_min timestamptz NOT NULL,
    crossed_at_max timestamptz NOT NULL,
    direction text NOT NULL,
    zones_revision int NOT NULL,
    seq bigint NOT NULL,
    seq_index int NOT NULL,
    PRIMARY KEY (camera_id, track_no, line_id, crossed_at, restatement)
);
CREATE INDEX line_crossings_by_time ON line_crossings (camera_id, line_id, crossed_at DESC);

CREATE TABLE zone_minutes (
    camera_id text,
    zone_id text,
    minute timestamptz,
    zones_revision int,
    restatement int NOT NULL DEFAULT 0,
    kind text NOT NULL,
    capacity int,
    person_ms bigint NOT NULL,
    exclusive_person_ms bigint NOT NULL,
    occupied_ms bigint NOT NULL,
    observed_ms bigint NOT NULL,
    frames int NOT NULL,
    peak int NOT NULL,
    entries int NOT NULL,
    exits int NOT NULL,
    starts int NOT NULL,
    ends int NOT NULL,
    visits_closed int NOT NULL,
    dwell_ms_sum bigint NOT NULL,
    dwell_ms_max bigint NOT NULL,
    dwell_under_5s int NOT NULL,
    dwell_5s_15s int NOT NULL,
    dwell_15s_60s int NOT NULL,
    dwell_60s_300s int NOT NULL,
    dwell_from_300s int NOT NULL,
    seq bigint NOT NULL,
    seq_index int NOT NULL,
    PRIMARY KEY (camera_id, zone_id, minute, zones_revision, restatement)
);
CREATE INDEX zone_minutes_by_time ON zone_minutes (minute DESC);

CREATE TABLE zone_hours (
    camera_id text,
    zone_id text,
    hour timestamptz,
    zones_revision int,
    restatement int NOT NULL DEFAULT 0,
    kind text NOT NULL,
    capacity int,
    minutes int NOT NULL,
    person_ms bigint NOT NULL,
    exclusive_person_ms bigint NOT NULL,
    occupied_ms bigint NOT NULL,
    observed_ms bigint NOT NULL,
    frames bigint NOT NULL,
    peak int NOT NULL,
    entries bigint NOT NULL,
    exits bigint NOT NULL,
    starts bigint NOT NULL,
    ends bigint NOT NULL,
    visits_closed bigint NOT NULL,
    dwell_ms_sum bigint NOT NULL,
    dwell_ms_max bigint NOT NULL,
    dwell_under_5s bigint NOT NULL,
    dwell_5s_15s bigint NOT NULL,
    dwell_15s_60s bigint NOT NULL,
    dwell_60s_300s bigint NOT NULL,
    dwell_from_300s bigint NOT NULL,
    PRIMARY KEY (camera_id, zone_id, hour, zones_revision, restatement)
);
CREATE INDEX zone_hours_by_time ON zone_hours (hour DESC);
COMMENT ON COLUMN zone_hours.minutes IS 'How many zone_minutes this hour sums up';
"""

# Tracks and camera-events are read at different speeds: each group of a camera's columns moves forward by its own guard
# (settings: revision, zones: zones_revision, status: status_seq, frames: seq).
CAMERAS = """
CREATE TABLE cameras (
    camera_id text PRIMARY KEY,
    site_id text NOT NULL DEFAULT 'default',
    name text NOT NULL DEFAULT '',
    enabled boolean NOT NULL DEFAULT true,
    max_gap_ms int NOT NULL DEFAULT 2000,
    track_timeout_ms int NOT NULL DEFAULT 2000,
    revision int NOT NULL DEFAULT 0,
    zones_revision int NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'OTHER',
    status_reason text NOT NULL DEFAULT '',
    status_seq bigint NOT NULL DEFAULT -1,
    status_seq_index int NOT NULL DEFAULT -1,
    last_seen_at timestamptz,
    width int,
    height int,
    accepted bigint NOT NULL DEFAULT 0,
    refused jsonb NOT NULL DEFAULT '{}',
    seq bigint NOT NULL DEFAULT -1,
    seq_index int NOT NULL DEFAULT -1
);

CREATE TABLE zones (
    camera_id text,
    zone_id text,
    zones_revision int,
    name text NOT NULL,
    kind text NOT NULL,
    polygon jsonb NOT NULL,
    anchor text NOT NULL,
    min_stay_ms int NOT NULL,
    grace_ms int NOT NULL,
    capacity int,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (camera_id, zone_id, zones_revision)
);

CREATE TABLE lines (
    camera_id text,
    line_id text,
    zones_revision int,
    name text NOT NULL,
    points jsonb NOT NULL,
    anchor text NOT NULL,
    min_stay_ms int NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (camera_id, line_id, zones_revision)
);

CREATE TABLE camera_events (
    camera_id text,
    seq bigint,
    seq_index int,
    type text NOT NULL,
    command_id text,
    body jsonb NOT NULL,
    PRIMARY KEY (camera_id, seq, seq_index)
);
CREATE INDEX camera_events_by_command ON camera_events (command_id) WHERE command_id IS NOT NULL;
"""

API = """
CREATE TABLE sites (
    site_id text PRIMARY KEY,
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sites (site_id, name, time_zone) VALUES ('default', 'Default site', 'UTC');
"""

# Indexes are the ones declared above, not the ones TimescaleDB would add.
HYPERTABLES = """
SELECT create_hypertable('tracks', by_range('started_at', interval '7 days'), create_default_indexes => false);
SELECT create_hypertable('track_positions', by_range('second', interval '1 day'), create_default_indexes => false);
SELECT create_hypertable('zone_visits', by_range('entered_at', interval '7 days'), create_default_indexes => false);
SELECT create_hypertable('line_crossings', by_range('crossed_at', interval '7 days'), create_default_indexes => false);
SELECT create_hypertable('zone_minutes', by_range('minute', interval '30 days'), create_default_indexes => false);
"""

# Late rows into compressed chunks are slow: a day is compressed when a week's backlog of a spool can no longer reach it.
COMPRESSION = """
ALTER TABLE track_positions SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'camera_id',
    timescaledb.compress_orderby = 'track_no, second, restatement'
);
SELECT add_compression_policy('track_positions', interval '8 days');
"""

TABLES = (
    "ingest_offsets",
    "tracks",
    "track_positions",
    "zone_visits",
    "line_crossings",
    "zone_minutes",
    "zone_hours",
    "cameras",
    "zones",
    "lines",
    "camera_events",
    "sites",
)


def upgrade() -> None:
    edition = edition_of(op.get_bind())
    for statements in (OFFSETS, FACTS, CAMERAS, API):
        op.execute(statements)
    if edition != "plain":
        op.execute(HYPERTABLES)
    if edition == "tsl":
        op.execute(COMPRESSION)


def downgrade() -> None:
    for table in TABLES:  # TimescaleDB drops a hypertable only by itself
        op.drop_table(table)
