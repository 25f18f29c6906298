"""The mutations of users, grants, keys and sessions: tables of the API, audited, and no business of any camera's log.

Secrets are in the first answer only: a command that is sent again is carried out once and answered without them.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import strawberry

from graphql_api.access import secrets
from graphql_api.access.principal import EVERY_SITE, Principal, Role, Scope
from graphql_api.access.rules import Action, allowed
from graphql_api.context import Info
from graphql_api.described import command, output, payload
from graphql_api.errors import ForbiddenError, NotFoundError
from graphql_api.sql import access_changes as changes
from graphql_api.sql.access import keys_of, sessions_of, users_page
from graphql_api.sql.access_changes import Entry
from graphql_api.user_errors import UserError, command_id_reused
from graphql_api.users import ApiKey, User, key_of, user_of

LONGEST_KEY = timedelta(days=400)


@payload
class GrantInput:
    """A role at a site."""

    site_id: strawberry.ID | None = strawberry.field(default=None, description="Null: every site there is or will be.")
    role: Role


@output
class UserPayload:
    """The user as it is now, or what to mend."""

    user: User | None = None
    invitation: str | None = strawberry.field(
        default=None, description="For the user alone: good for a day, to choose a password with. Shown this once."
    )
    user_errors: list[UserError]


@output
class ApiKeyPayload:
    """The key as it is now, or what to mend."""

    api_key: ApiKey | None = None
    secret: str | None = strawberry.field(default=None, description="What programs send as `Bearer`. Shown this once.")
    user_errors: list[UserError]


@output
class SessionPayload:
    """Whether the session has ended."""

    ended: bool
    user_errors: list[UserError]


@strawberry.type
class AccessMutation:
    """Changes of access."""

    @command
    async def user_invite(
        self, info: Info, email: str, grants: list[GrantInput], command_id: strawberry.ID
    ) -> UserPayload:
        """Make a user with these grants; give them the invitation. ADMIN at each site that is granted."""
        principal, roles = info.context.principal, _roles(grants)
        _require_admin(principal, roles)
        if "@" not in email or not roles:
            message = "Give an e-mail address and at least one grant."
            return UserPayload(user_errors=[UserError(code="INVALID", message=message, field=["email"])])
        token, user_id = secrets.new_token(), _id_of(principal, command_id)
        entry = _entry(principal, "userInvite", user_id, roles, command_id, {"email": _told(email), "grants": roles})
        try:
            new = await info.context.services.database.run(changes.invite, entry, email, roles, secrets.digest(token))
        except changes.EmailTakenError:
            message = "Another user has this address. Give that one the grants."
            return UserPayload(user_errors=[UserError(code="EMAIL_TAKEN", message=message, field=["email"])])
        except changes.CommandIdReusedError:
            return UserPayload(user_errors=[command_id_reused()])
        return UserPayload(user=await _user(info, user_id), invitation=token if new else None, user_errors=[])

    @command
    async def user_update(  # noqa: PLR0917 - the arguments' public names
        self,
        info: Info,
        user_id: strawberry.ID,
        command_id: strawberry.ID,
        display_name: str | None = None,
        disabled: bool | None = None,
        if_revision: int | None = None,
    ) -> UserPayload:
        """Name a user, or disable one for good: name, address, password, sessions, grants and keys go.

        ADMIN of every site; everybody may name themselves.
        """
        principal = info.context.principal
        if not allowed(principal, Action.ADMINISTER, None) and (user_id != principal.user_id or disabled):
            raise ForbiddenError("Only administrators of every site may do this.")
        details = {"disabled": disabled, "display_name": display_name is not None, "if_revision": if_revision}
        entry = _entry(principal, "userUpdate", user_id, {EVERY_SITE: ""}, command_id, details)

        async def change() -> None:
            await info.context.services.database.run(
                changes.update_user, entry, display_name=display_name, disabled=disabled, if_revision=if_revision
            )

        return await _changed(info, user_id, change)

    @command
    async def grant_set(  # noqa: PLR0917 - the same
        self,
        info: Info,
        user_id: strawberry.ID,
        command_id: strawberry.ID,
        site_id: strawberry.ID | None = None,
        role: Role | None = None,
        if_revision: int | None = None,
    ) -> UserPayload:
        """Give a user a role at a site (null: every site), or take it away with a null `role`. ADMIN at that site."""
        principal, site = info.context.principal, site_id or EVERY_SITE
        _require_admin(principal, {site: ""})
        name = role.name if role else None
        details = {"site_id": site, "role": name, "if_revision": if_revision}
        entry = _entry(principal, "grantSet", user_id, {site: ""}, command_id, details)

        async def change() -> None:
            await info.context.services.database.run(changes.set_grant, entry, site, name, if_revision)

        return await _changed(info, user_id, change)

    @command
    async def api_key_create(
        self,
        info: Info,
        name: str,
        grants: list[GrantInput],
        expires_at: datetime,
        command_id: strawberry.ID,
    ) -> ApiKeyPayload:
        """Make a key for programs that may do what these grants say, as long as you may; at most for 400 days."""
        principal, roles = info.context.principal, _roles(grants)
        now = info.context.services.now()
        if not roles or Scope.of(roles).within(principal.scope) != Scope.of(roles):
            raise ForbiddenError("A key cannot do more than you may, and must do something.")
        if not now < expires_at.astimezone(UTC) <= now + LONGEST_KEY:
            message = f"`expiresAt` must lie ahead, within {LONGEST_KEY.days} days."
            return ApiKeyPayload(user_errors=[UserError(code="INVALID", message=message, field=["expiresAt"])])
        key = secrets.ApiKey(_id_of(principal, command_id), secrets.new_api_key().secret)
        entry = _entry(principal, "apiKeyCreate", key.key_id, roles, command_id,
                       {"name": name, "grants": roles, "expires_at": expires_at.isoformat()})  # fmt: skip
        try:
            new = await info.context.services.database.run(
                changes.create_key,
                entry,
                changes.NewKey(
                    user_id=principal.user_id,
                    secret_hash=secrets.digest(key.secret),
                    name=name,
                    grants=roles,
                    expires_at=expires_at,
                ),
            )
        except changes.CommandIdReusedError:
            return ApiKeyPayload(user_errors=[command_id_reused()])
        found = await _key(info, key.key_id)
        return ApiKeyPayload(api_key=found, secret=str(key) if new else None, user_errors=[])

    @command
    async def api_key_revoke(self, info: Info, key_id: strawberry.ID, command_id: strawberry.ID) -> ApiKeyPayload:
        """Revoke a key of yours for good; administrators of every site may revoke any."""
        found, principal = await _key(info, key_id), info.context.principal
        if found is None:
            raise NotFoundError(f"There is no key {key_id!r}.")
        entry = _entry(principal, "apiKeyRevoke", key_id, {EVERY_SITE: ""}, command_id, {})
        try:
            await info.context.services.database.run(changes.revoke_key, entry)
        except changes.CommandIdReusedError:
            return ApiKeyPayload(user_errors=[command_id_reused()])
        return ApiKeyPayload(api_key=await _key(info, key_id), user_errors=[])

    @command
    async def session_end(self, info: Info, session_id: strawberry.ID, command_id: strawberry.ID) -> SessionPayload:
        """End a session of yours; its open sockets are closed."""
        principal, run = info.context.principal, info.context.services.database.run
        if session_id not in {row["session_id"] for row in await run(sessions_of, principal.user_id)}:
            raise NotFoundError(f"You have no session {session_id!r}.")
        details = {"session": session_id}
        entry = _entry(principal, "sessionEnd", principal.user_id, {EVERY_SITE: ""}, command_id, details)
        try:
            await run(changes.end_session, entry, session_id)
        except changes.CommandIdReusedError:
            return SessionPayload(ended=False, user_errors=[command_id_reused()])
        return SessionPayload(ended=True, user_errors=[])


async def _changed(info: Info, user_id: str, change: Callable[[], Awaitable[None]]) -> UserPayload:
    try:
        await change()
    except changes.CommandIdReusedError:
        return UserPayload(user_errors=[command_id_reused()])
    except changes.RevisionConflictError:
        user = await _user(info, user_id)
        message = f"Revision {user.revision} is in force. Read it, apply your change to it and try again."
        error = UserError(code="REVISION_CONFLICT", message=message, field=["ifRevision"])
        return UserPayload(user=user, user_errors=[error])
    return UserPayload(user=await _user(info, user_id), user_errors=[])


async def _user(info: Info, user_id: str) -> User:
    found = await info.context.services.database.run(users_page, None, [user_id])
    if not found:
        raise NotFoundError(f"There is no user {user_id!r}.")
    return user_of(found[0])


async def _key(info: Info, key_id: str) -> ApiKey | None:
    """A key that the viewer may see."""
    principal = info.context.principal
    owner = None if allowed(principal, Action.ADMINISTER, None) else principal.user_id
    found = await info.context.services.database.run(keys_of, owner)
    return next((key_of(row) for row in found if row["key_id"] == key_id), None)


def _roles(grants: Sequence[GrantInput]) -> dict[str, str]:
    return {str(grant.site_id) if grant.site_id else EVERY_SITE: grant.role.name for grant in grants}


def _require_admin(principal: Principal, grants: dict[str, str]) -> None:
    for site in grants:
        if not allowed(principal, Action.ADMINISTER, None if site == EVERY_SITE else site):
            raise ForbiddenError("You may give roles only at sites that you administer.")


def _entry(  # noqa: PLR0917 - as the columns of the audit
    principal: Principal, action: str, subject: str, grants: dict[str, str], command_id: str, details: dict[str, Any]
) -> Entry:
    """An entry about the sites of `grants`; a command id is its sender's own."""
    sites = None if EVERY_SITE in grants else sorted(grants)
    return Entry(
        actor=principal.user_id, action=action, subject=subject, site_ids=sites, details=details,
        command_id=f"{principal.user_id}/{command_id}",
    )  # fmt: skip


def _id_of(principal: Principal, command_id: str) -> str:
    """The id of what a command makes: the same however often it is sent, and telling nothing."""
    return sha256(f"{principal.user_id}/{command_id}".encode()).hexdigest()[:16]


def _told(email: str) -> str:
    """What the audit keeps of an address: enough to tell two commands apart, nothing to reach anybody with."""
    return sha256(email.lower().encode()).hexdigest()
