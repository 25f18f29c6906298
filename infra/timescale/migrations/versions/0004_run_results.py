"""What a replay run leaves behind beside its rows: its facts as they would be published, and its difference to what held then."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The rows of a run answer questions; its facts are what adopting it publishes, byte for byte.
FACTS = """
CREATE TABLE run_facts (
    run_id text,
    camera_id text,
    topic text,
    seq bigint,
    seq_index int,
    record text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (run_id, camera_id, topic, seq, seq_index)
);
COMMENT ON COLUMN run_facts.body IS 'Avro, written with the schema this release ships for the record';
"""

DIFFERENCES = """
CREATE TABLE run_hour_differences (
    run_id text,
    number int,
    camera_id text NOT NULL,
    zone_id text NOT NULL,
    hour timestamptz NOT NULL,
    before jsonb,
    after jsonb,
    PRIMARY KEY (run_id, number)
);
COMMENT ON TABLE run_hour_differences IS 'Amounts of each zone and hour that held when the run was finished (before), and under the run (after)';
COMMENT ON COLUMN run_hour_differences.before IS 'Null: nothing was known of the zone in that hour';

CREATE TABLE run_visit_differences (
    run_id text,
    number int,
    camera_id text NOT NULL,
    zone_id text NOT NULL,
    change text NOT NULL CHECK (change IN ('ADDED', 'REMOVED', 'LONGER', 'SHORTER', 'MOVED')),
    before_track_no bigint,
    before_entered_at timestamptz,
    before_exited_at timestamptz,
    after_track_no bigint,
    after_entered_at timestamptz,
    after_exited_at timestamptz,
    PRIMARY KEY (run_id, number)
);
COMMENT ON TABLE run_visit_differences IS 'The visits that are not the same under the run';
"""


def upgrade() -> None:
    for statements in (FACTS, DIFFERENCES):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TABLE run_visit_differences, run_hour_differences, run_facts")
