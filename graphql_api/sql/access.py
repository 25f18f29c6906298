"""Users, sessions, keys and attempts to sign in, as they are now; what changes them is in `access_changes`.

The database's clock decides what has expired, so that several processes agree.
"""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import first, rows

_GRANTS = "coalesce((SELECT jsonb_object_agg(site_id, role) FROM grants WHERE grants.user_id = u.user_id), '{}')"
_SESSION = f"""
SELECT session_id, NULL AS key_id, s.expires_at, u.user_id, {_GRANTS} AS grants, NULL::jsonb AS limits
FROM sessions s JOIN users u USING (user_id)
WHERE ended_at IS NULL AND s.expires_at > now() AND disabled_at IS NULL"""
_KEY = f"""
SELECT NULL AS session_id, key_id, k.expires_at, u.user_id, {_GRANTS} AS grants, k.grants AS limits, k.secret_hash
FROM api_keys k JOIN users u USING (user_id)
WHERE revoked_at IS NULL AND k.expires_at > now() AND disabled_at IS NULL"""

# To the minute, so that a busy key does not write with every request.
_KEY_USED = f"""
WITH found AS ({_KEY} AND key_id = :key_id), used AS (
  UPDATE api_keys SET last_used_at = now()
  WHERE key_id IN (SELECT key_id FROM found) AND coalesce(last_used_at < now() - interval '1 minute', true)
)
SELECT * FROM found
"""
_ATTEMPT = """
INSERT INTO login_attempts (account, address) VALUES (:account, :address) RETURNING attempt_id
"""
_FAILURES = """
SELECT count(*) FILTER (WHERE account = :account) AS of_account, count(*) FILTER (WHERE address = :address) AS of_address
FROM login_attempts
WHERE (account = :account OR address = :address) AND NOT succeeded AND at > now() - :window_s * interval '1 second'
"""


def session_of(connection: Connection, token_hash: bytes) -> RowMapping | None:
    """The session that holds now and is known by the hash of its token."""
    return first(connection, f"{_SESSION} AND token_hash = :token_hash", token_hash=token_hash)


def key_of(connection: Connection, key_id: str) -> RowMapping | None:
    """The key that holds now, with the hash of its secret; notes that it was used."""
    return first(connection, _KEY_USED, key_id=key_id)


def standing(connection: Connection, session_ids: Sequence[str], key_ids: Sequence[str]) -> Sequence[RowMapping]:
    """Those of these sessions and keys that hold now, with what they allow."""
    known = f"""{_SESSION} AND session_id = ANY(:session_ids) UNION ALL
        SELECT session_id, key_id, expires_at, user_id, grants, limits FROM ({_KEY} AND key_id = ANY(:key_ids)) AS keys"""
    return rows(connection, known, session_ids=list(session_ids), key_ids=list(key_ids))


def password_of(connection: Connection, email: str) -> RowMapping | None:
    """The user who may sign in with this address, and what is kept of the password."""
    wanted = "SELECT user_id, password_hash FROM users WHERE lower(email) = lower(:email) AND disabled_at IS NULL"
    return first(connection, wanted, email=email)


def attempt(connection: Connection, account: bytes, address: str) -> int:
    """Note an attempt to sign in, as failed until it is known better; returns its number."""
    row = first(connection, _ATTEMPT, account=account, address=address)
    assert row is not None, "INSERT returns its row"
    return int(row["attempt_id"])


def failures(connection: Connection, account: bytes, address: str, window_s: int) -> RowMapping:
    """How many attempts of an account, and of an address, failed within the last `window_s` seconds."""
    row = first(connection, _FAILURES, account=account, address=address, window_s=window_s)
    assert row is not None, "an aggregate has one row"
    return row


def succeeded(connection: Connection, attempt_id: int) -> None:
    """The attempt was no failure; what is older than a day is forgotten."""
    rows(connection, "UPDATE login_attempts SET succeeded = true WHERE attempt_id = :id RETURNING 1", id=attempt_id)
    rows(connection, "DELETE FROM login_attempts WHERE at < now() - interval '1 day' RETURNING 1")


def no_users(connection: Connection) -> bool:
    """Whether nobody was ever made a user."""
    return not rows(connection, "SELECT user_id FROM users LIMIT 1")


def users_page(
    connection: Connection, site_ids: Sequence[str] | None, user_ids: Sequence[str] | None = None
) -> Sequence[RowMapping]:
    """Users by id; with `site_ids` only those who have a grant at one of these sites, with `user_ids` only these."""
    return rows(
        connection,
        f"""SELECT user_id, coalesce(email, '') AS email, display_name, revision, created_at, disabled_at, {_GRANTS} AS grants
            FROM users u
            WHERE (CAST(:site_ids AS text[]) IS NULL OR EXISTS (
                     SELECT FROM grants WHERE grants.user_id = u.user_id AND site_id = ANY(:site_ids)))
              AND (CAST(:user_ids AS text[]) IS NULL OR user_id = ANY(:user_ids))
            ORDER BY user_id""",
        site_ids=None if site_ids is None else list(site_ids),
        user_ids=None if user_ids is None else list(user_ids),
    )


def keys_of(connection: Connection, user_id: str | None) -> Sequence[RowMapping]:
    """The keys of a user, or of all, oldest first; revoked ones too."""
    return rows(
        connection,
        """SELECT key_id, user_id, name, grants, created_at, expires_at, last_used_at, revoked_at FROM api_keys
           WHERE CAST(:user_id AS text) IS NULL OR user_id = :user_id ORDER BY created_at, key_id""",
        user_id=user_id,
    )


def sessions_of(connection: Connection, user_id: str) -> Sequence[RowMapping]:
    """The sessions of a user that hold now, oldest first."""
    return rows(
        connection,
        """SELECT session_id, user_id, created_at, expires_at FROM sessions
           WHERE user_id = :user_id AND ended_at IS NULL AND expires_at > now() ORDER BY created_at, session_id""",
        user_id=user_id,
    )


def audit_page(
    connection: Connection, site_ids: Sequence[str] | None, before: int | None, limit: int
) -> Sequence[RowMapping]:
    """Entries of the audit, newest first, before the entry `before`; with `site_ids` only what concerns these sites alone."""
    return rows(
        connection,
        """SELECT entry_id, at, actor, action, subject, site_ids, details FROM audit_log
           WHERE (CAST(:site_ids AS text[]) IS NULL OR site_ids <@ CAST(:site_ids AS text[]))
             AND (CAST(:before AS bigint) IS NULL OR entry_id < :before)
           ORDER BY entry_id DESC LIMIT :limit""",
        site_ids=None if site_ids is None else list(site_ids),
        before=before,
        limit=limit,
    )
