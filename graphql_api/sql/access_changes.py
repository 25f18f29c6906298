"""Changes of users, grants, sessions and keys, each written to the audit in the same transaction.

A change that carries a command id is made once; what it asks for is kept, so that another use of the id is found out.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from graphql_api.sql.rows import first, rows

_NOTE = """
INSERT INTO audit_log (actor, action, subject, site_ids, details, command_id)
VALUES (:actor, :action, :subject, :site_ids, CAST(:details AS jsonb), :command_id)
ON CONFLICT (command_id) DO NOTHING RETURNING entry_id
"""
_SAME = """
SELECT actor = :actor AND action = :action AND subject = :subject AND details = CAST(:details AS jsonb) AS same
FROM audit_log WHERE command_id = :command_id
"""


class CommandIdReusedError(Exception):
    """The command id was used for another change; nothing was changed."""


class RevisionConflictError(Exception):
    """Another revision of the user is in force, or there is no such user; nothing was changed."""


class EmailTakenError(Exception):
    """Another user has this address; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the audit says: who did what to whom, at which sites (None: the whole installation), and what was asked for."""

    actor: str
    action: str
    subject: str
    site_ids: list[str] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    command_id: str | None = None


def note(connection: Connection, entry: Entry) -> bool:
    """Write an entry; False when its command id stands there already for the same.

    Raises:
        CommandIdReusedError: it stands there for something else.
    """
    values = {
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": json.dumps(dict(entry.details), default=str),
        "command_id": entry.command_id,
    }
    if rows(connection, _NOTE, site_ids=entry.site_ids, **values):
        return True
    known = first(connection, _SAME, **values)
    if known is None or not known["same"]:
        raise CommandIdReusedError(entry.command_id)
    return False


def invite(connection: Connection, entry: Entry, email: str, grants: Mapping[str, str], invitation: bytes) -> bool:
    """Make a user (the entry's subject) with grants and an invitation for a day; False when this was done before.

    Raises:
        EmailTakenError: another user has the address.
    """
    with _change(connection, entry) as new:
        if not new:
            return False
        made = rows(
            connection,
            "INSERT INTO users (user_id, email) VALUES (:user_id, :email) ON CONFLICT DO NOTHING RETURNING 1",
            user_id=entry.subject,
            email=email,
        )
        if not made:
            raise EmailTakenError(email)
        _grant(connection, entry.subject, grants)
        _invite(connection, entry.subject, invitation)
    return True


def first_administrator(
    connection: Connection, email: str, user_id: str, invitation: bytes, password: str | None
) -> bool:
    """Make the first user, who may do everything; False when there is a user already. `password` is already hashed."""
    with _transaction(connection):
        rows(connection, "SELECT pg_advisory_xact_lock(hashtext('aforo.first_administrator'))")
        if rows(connection, "SELECT user_id FROM users LIMIT 1"):
            return False
        note(connection, Entry(actor="installation", action="access.bootstrap", subject=user_id))
        rows(
            connection,
            "INSERT INTO users (user_id, email, password_hash) VALUES (:user_id, :email, :password) RETURNING 1",
            user_id=user_id,
            email=email,
            password=password,
        )
        _grant(connection, user_id, {"*": "ADMIN"})
        _invite(connection, user_id, invitation)
    return True


def invite_again(connection: Connection, entry: Entry, email: str, invitation: bytes) -> str | None:
    """A further invitation for whoever has this address; returns the user's id, None when nobody has it."""
    with _transaction(connection):
        found = first(connection, "SELECT user_id FROM users WHERE lower(email) = lower(:email)", email=email)
        if found is None:
            return None
        user_id = str(found["user_id"])
        note(connection, replace(entry, subject=user_id))
        _invite(connection, user_id, invitation)
        return user_id


def accept_invitation(connection: Connection, invitation: bytes, password_hash: str) -> str | None:
    """Give the invited user this password and end their sessions; returns the user's id, None when nothing was so invited."""
    with _transaction(connection):
        used = first(
            connection,
            """UPDATE invitations SET used_at = now() FROM users
               WHERE token_hash = :invitation AND used_at IS NULL AND expires_at > now()
                 AND users.user_id = invitations.user_id AND disabled_at IS NULL RETURNING users.user_id""",
            invitation=invitation,
        )
        if used is None:
            return None
        user_id = str(used["user_id"])
        note(connection, Entry(actor=user_id, action="user.set_password", subject=user_id))
        rows(
            connection,
            "UPDATE users SET password_hash = :hash WHERE user_id = :user_id RETURNING 1",
            hash=password_hash,
            user_id=user_id,
        )
        _end_sessions(connection, user_id)
        return user_id


def update_user(
    connection: Connection, entry: Entry, *, display_name: str | None, disabled: bool | None, if_revision: int | None
) -> None:
    """Change a user (the entry's subject). Who is disabled loses name, address, password, sessions and keys for good.

    Raises:
        RevisionConflictError: nothing was changed.
    """
    with _change(connection, entry) as new:
        if not new:
            return
        _revise(connection, entry.subject, if_revision, display_name)
        if disabled:
            _disable(connection, entry.subject)


def _revise(connection: Connection, user_id: str, if_revision: int | None, display_name: str | None = None) -> None:
    changed = rows(
        connection,
        """UPDATE users SET revision = revision + 1, display_name = coalesce(:display_name, display_name)
           WHERE user_id = :user_id AND disabled_at IS NULL AND coalesce(revision = :if_revision, true) RETURNING 1""",
        user_id=user_id,
        display_name=display_name,
        if_revision=if_revision,
    )
    if not changed:
        raise RevisionConflictError(user_id)


def set_grant(connection: Connection, entry: Entry, site_id: str, role: str | None, if_revision: int | None) -> None:
    """Give a user (the entry's subject) a role at a site, or, with None, take it away.

    Raises:
        RevisionConflictError: nothing was changed.
    """
    with _change(connection, entry) as new:
        if not new:
            return
        _revise(connection, entry.subject, if_revision)
        key = {"user_id": entry.subject, "site_id": site_id}
        rows(connection, "DELETE FROM grants WHERE user_id = :user_id AND site_id = :site_id RETURNING 1", **key)
        if role is not None:
            _grant(connection, entry.subject, {site_id: role})


def begin_session(
    connection: Connection, entry: Entry, session_id: str, token_hash: bytes, lifetime_s: int
) -> datetime:
    """Begin a session of the entry's subject; returns when it ends."""
    with _transaction(connection):
        note(connection, entry)
        made = first(
            connection,
            """INSERT INTO sessions (token_hash, session_id, user_id, expires_at)
               VALUES (:token_hash, :session_id, :user_id, now() + :lifetime_s * interval '1 second') RETURNING expires_at""",
            token_hash=token_hash,
            session_id=session_id,
            user_id=entry.subject,
            lifetime_s=lifetime_s,
        )
    assert made is not None, "INSERT returns its row"
    ends: datetime = made["expires_at"]
    return ends


def end_session(connection: Connection, entry: Entry, session_id: str) -> None:
    """End a session of the entry's subject, if it is one."""
    with _change(connection, entry):
        rows(
            connection,
            """UPDATE sessions SET ended_at = now()
               WHERE session_id = :session_id AND user_id = :user_id AND ended_at IS NULL RETURNING 1""",
            session_id=session_id,
            user_id=entry.subject,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key of a user, with the hash of its secret and names of roles by site."""

    user_id: str
    secret_hash: bytes
    name: str
    grants: Mapping[str, str]
    expires_at: datetime


def create_key(connection: Connection, entry: Entry, key: NewKey) -> bool:
    """Make a key, whose id is the entry's subject; False when this was done before."""
    with _change(connection, entry) as new:
        if new:
            rows(
                connection,
                """INSERT INTO api_keys (key_id, secret_hash, user_id, name, grants, expires_at)
                   VALUES (:key_id, :secret_hash, :user_id, :name, CAST(:grants AS jsonb), :expires_at) RETURNING 1""",
                key_id=entry.subject,
                secret_hash=key.secret_hash,
                user_id=key.user_id,
                name=key.name,
                grants=json.dumps(dict(key.grants)),
                expires_at=key.expires_at,
            )
        return new


def revoke_key(connection: Connection, entry: Entry) -> None:
    """Revoke a key, the entry's subject, for good."""
    with _change(connection, entry):
        rows(
            connection,
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = :key_id RETURNING 1",
            key_id=entry.subject,
        )


@contextmanager
def _change(connection: Connection, entry: Entry) -> Iterator[bool]:
    with _transaction(connection):
        yield note(connection, entry)


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """Several statements as one; alone, each is committed at once."""
    with connection.execution_options(isolation_level="READ COMMITTED").begin():
        yield


def _grant(connection: Connection, user_id: str, grants: Mapping[str, str]) -> None:
    for site_id, role in grants.items():
        rows(
            connection,
            "INSERT INTO grants (user_id, site_id, role) VALUES (:user_id, :site_id, :role) RETURNING 1",
            user_id=user_id,
            site_id=site_id,
            role=role,
        )


def _invite(connection: Connection, user_id: str, invitation: bytes) -> None:
    rows(
        connection,
        """INSERT INTO invitations (token_hash, user_id, expires_at) VALUES (:hash, :user_id, now() + interval '1 day')
           RETURNING 1""",
        hash=invitation,
        user_id=user_id,
    )


def _disable(connection: Connection, user_id: str) -> None:
    for statement in (
        "UPDATE users SET disabled_at = now(), email = NULL, display_name = '', password_hash = NULL",
        "DELETE FROM grants",
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())",
        "DELETE FROM invitations",
    ):
        rows(connection, f"{statement} WHERE user_id = :user_id RETURNING 1", user_id=user_id)
    _end_sessions(connection, user_id)


def _end_sessions(connection: Connection, user_id: str) -> None:
    rows(
        connection,
        "UPDATE sessions SET ended_at = now() WHERE user_id = :user_id AND ended_at IS NULL RETURNING 1",
        user_id=user_id,
    )
