"""Users, their grants, keys and sessions, and the audit, as far as the viewer may see them."""

import json
from datetime import datetime

import strawberry
from sqlalchemy import RowMapping

from graphql_api.access.principal import EVERY_SITE, Principal, Role
from graphql_api.access.rules import Action, allowed, sites_for
from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.errors import ForbiddenError
from graphql_api.pagination import DEFAULT_FIRST, Connection, Keyset, checked_first
from graphql_api.sites import Site
from graphql_api.sql.access import audit_page, keys_of, sessions_of, users_page
from graphql_api.sql.sites import all_sites

AUDIT = Keyset("audit", entry_id=int)
strawberry.enum(Role, description="Each role may do all that the one before it may: VIEWER, OPERATOR, ADMIN.")


@output
class Grant:
    """A role at a site."""

    site_id: strawberry.ID | None = strawberry.field(description="Null: every site there is or will be.")
    role: Role


@output
class User:
    """Somebody who may sign in; the id is a pseudonym and all that records of what they did hold of them."""

    user_id: strawberry.ID
    email: str = strawberry.field(description="Empty once the user is disabled.")
    display_name: str
    revision: int
    created_at: datetime
    disabled_at: datetime | None
    grants: list[Grant]


@output
class ApiKey:
    """A key of a user for programs; its secret was shown once."""

    key_id: strawberry.ID
    user_id: strawberry.ID
    name: str
    grants: list[Grant] = strawberry.field(description="Never more than its user has at the time.")
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = strawberry.field(description="To the minute.")
    revoked_at: datetime | None


@output
class SignedInSession:
    """A session that holds now."""

    session_id: strawberry.ID
    created_at: datetime
    expires_at: datetime


@output
class AuditEntry:
    """Something that was changed, or rows about single persons that were looked at."""

    entry_id: strawberry.ID
    at: datetime
    actor: strawberry.ID = strawberry.field(description="The user's pseudonym.")
    action: str
    subject: str
    site_ids: list[strawberry.ID] | None = strawberry.field(description="Null: it concerns the whole installation.")
    details: str = strawberry.field(description="What was asked for, as JSON; never a secret, never the rows shown.")


@output
class Viewer:
    """Who is asking."""

    user_id: strawberry.ID
    expires_at: datetime | None = strawberry.field(description="When the session or key in use ends.")
    grants: list[Grant]
    person_level: bool = strawberry.field(
        description="May read rows about single persons at every site named in grants."
    )

    @resolved
    async def sites(self, info: Info) -> list[Site]:
        """The sites the viewer may read."""
        found = await info.context.services.database.run(all_sites)
        return [Site(**row) for row in found if allowed(info.context.principal, Action.READ, row["site_id"])]

    @resolved
    async def sessions(self, info: Info) -> list[SignedInSession]:
        """The viewer's sessions that hold now, oldest first."""
        found = await info.context.services.database.run(sessions_of, self.user_id)
        return [SignedInSession(**{name: row[name] for name in row if name != "user_id"}) for row in found]


def grants_of(grants: dict[str, str]) -> list[Grant]:
    """Names of roles by site as grants, by site."""
    return [
        Grant(site_id=None if site == EVERY_SITE else strawberry.ID(site), role=Role[role])
        for site, role in sorted(grants.items())
    ]


def user_of(row: RowMapping) -> User:
    """The user in a row."""
    return User(**dict(row) | {"grants": grants_of(row["grants"])})


def key_of(row: RowMapping) -> ApiKey:
    """The key in a row."""
    return ApiKey(**dict(row) | {"grants": grants_of(row["grants"])})


def viewer_of(principal: Principal) -> Viewer:
    """The viewer that a principal is."""
    persons = sites_for(principal.scope, Action.READ_PERSONS)
    return Viewer(
        user_id=strawberry.ID(principal.user_id),
        expires_at=principal.expires_at,
        grants=grants_of(principal.scope.grants),
        person_level=persons is None or (bool(persons) and persons == sites_for(principal.scope, Action.READ)),
    )


def administered(principal: Principal) -> list[str] | None:
    """The sites that someone administers; None: every site.

    Raises:
        ForbiddenError: they administer no site.
    """
    sites = sites_for(principal.scope, Action.ADMINISTER)
    if sites is not None and not sites:
        raise ForbiddenError("Only administrators may see this.")
    return None if sites is None else sorted(sites)


@strawberry.type
class AccessQuery:
    """Queries about access."""

    @resolved
    async def viewer(self, info: Info) -> Viewer:
        """Who is asking, and what they may do."""
        return viewer_of(info.context.principal)

    @resolved
    async def users(self, info: Info) -> list[User]:
        """Every user, by id; a site's administrators see who has a role there. ADMIN only."""
        sites = administered(info.context.principal)
        found = [user_of(row) for row in await info.context.services.database.run(users_page, sites)]
        if sites is not None:
            for user in found:
                user.grants = [grant for grant in user.grants if grant.site_id in sites]
        return found

    @resolved
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """The viewer's own keys, oldest first; administrators of every site see all keys."""
        principal = info.context.principal
        user_id = None if allowed(principal, Action.ADMINISTER, None) else principal.user_id
        return [key_of(row) for row in await info.context.services.database.run(keys_of, user_id)]

    @resolved
    async def audit(self, info: Info, first: int = DEFAULT_FIRST, after: str | None = None) -> Connection[AuditEntry]:
        """What was changed, and who looked at rows about single persons, newest first. ADMIN only, of their sites."""
        sites, key = administered(info.context.principal), AUDIT.after(after)
        before = None if key is None else key["entry_id"]
        found = await info.context.services.database.run(audit_page, sites, before, checked_first(first) + 1)
        return AUDIT.page(found, [_entry(row) for row in found], first, after)


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(**dict(row) | {"entry_id": str(row["entry_id"]), "details": json.dumps(row["details"])})
