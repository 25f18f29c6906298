"""The rules of access: which role may do what. Pure functions; docs/security.md shows them as a table that a test holds.

To read is to see a site, its cameras and zones, and numbers of groups. Rows about a single person, such as a track, its path,
one visit or a live position, are for roles that work with them.
"""

from enum import Enum

from graphql_api.access.principal import Principal, Role, Scope


class Action(Enum):
    """What can be asked for at a site; the value says it in words."""

    READ = "read sites, cameras, zones and the numbers of groups"
    READ_PERSONS = "read rows about single persons: tracks, paths, visits, live positions, numbers of small groups"
    CONFIGURE = "define zones and lines, configure cameras, define shifts"
    REPLAY = "start and drop replay runs, and read them"
    ADMINISTER = "change sites, adopt replay runs, manage users, grants and API keys, read the audit"


NEEDED: dict[Action, Role] = {
    Action.READ: Role.VIEWER,
    Action.READ_PERSONS: Role.OPERATOR,
    Action.CONFIGURE: Role.OPERATOR,
    Action.REPLAY: Role.OPERATOR,
    Action.ADMINISTER: Role.ADMIN,
}


def allowed(principal: Principal, action: Action, site_id: str | None) -> bool:
    """Whether someone may do this at a site, or, for None, at every site there is or will be."""
    role = principal.scope.role_at(site_id)
    return role is not None and role >= NEEDED[action]


def sites_for(scope: Scope, action: Action) -> frozenset[str] | None:
    """The sites at which a scope allows this; None: at every site."""
    return scope.site_ids(NEEDED[action])
