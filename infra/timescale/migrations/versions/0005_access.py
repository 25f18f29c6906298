"""Users, what they may do where, how they prove who they are, and the record of what was done: the API's own tables."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Secrets are kept as hashes only. Users are never deleted, so that a pseudonym in a record keeps its meaning; who leaves is
# disabled and loses name and address.
PEOPLE = """
CREATE TABLE users (
    user_id text PRIMARY KEY,
    email text,
    display_name text NOT NULL DEFAULT '',
    password_hash text,
    revision int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
COMMENT ON COLUMN users.user_id IS 'A pseudonym: the only name of a user in records and logs';

CREATE TABLE grants (
    user_id text REFERENCES users,
    site_id text,
    role text NOT NULL CHECK (role IN ('VIEWER', 'OPERATOR', 'ADMIN')),
    PRIMARY KEY (user_id, site_id)
);
COMMENT ON COLUMN grants.site_id IS '* stands for every site there is or will be';

CREATE TABLE invitations (
    token_hash bytea PRIMARY KEY,
    user_id text NOT NULL REFERENCES users,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    session_id text NOT NULL UNIQUE,
    user_id text NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);

CREATE TABLE api_keys (
    key_id text PRIMARY KEY,
    secret_hash bytea NOT NULL,
    user_id text NOT NULL REFERENCES users,
    name text NOT NULL,
    grants jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON COLUMN api_keys.grants IS 'Role by site; never more than its user has at the time of use';
COMMENT ON COLUMN api_keys.last_used_at IS 'To the minute';

CREATE TABLE login_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account bytea NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    succeeded boolean NOT NULL DEFAULT false
);
CREATE INDEX login_attempts_by_account ON login_attempts (account, at);
CREATE INDEX login_attempts_by_address ON login_attempts (address, at);
CREATE INDEX login_attempts_by_time ON login_attempts (at);
COMMENT ON COLUMN login_attempts.account IS 'SHA-256 of the address that was typed, which may be anybody''s';
"""

AUDIT = """
CREATE TABLE audit_log (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    site_ids text[],
    details jsonb NOT NULL,
    command_id text UNIQUE
);
COMMENT ON TABLE audit_log IS 'Who changed what, and who looked at rows about single persons; only ever added to';
COMMENT ON COLUMN audit_log.site_ids IS 'Null: it concerns the whole installation';
COMMENT ON COLUMN audit_log.details IS 'What was asked for, never a secret and never the rows that were shown';

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit is only ever added to'; END $$;
CREATE TRIGGER only_added_to BEFORE UPDATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
"""


def upgrade() -> None:
    for statements in (PEOPLE, AUDIT):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TABLE audit_log, login_attempts, api_keys, sessions, invitations, grants, users")
    op.execute("DROP FUNCTION refuse_rewriting")
