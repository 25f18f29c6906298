"""Who is asking, and what of the installation lies within their reach. Values only: no database, no request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import total_ordering

EVERY_SITE = "*"


@total_ordering
class Role(Enum):
    """What a grant makes of someone at a site; each role may do all that the one before it may."""

    VIEWER = "VIEWER"
    OPERATOR = "OPERATOR"
    ADMIN = "ADMIN"

    def __lt__(self, other: "Role") -> bool:
        return _ORDER.index(self) < _ORDER.index(other)


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Scope:
    """A role for each of some sites, and one for every site there is or will be.

    Equal scopes see the same, so a scope can be part of a key under which work is shared.
    """

    sites: frozenset[tuple[str, Role]] = frozenset()
    everywhere: Role | None = None

    @classmethod
    def all_sites(cls, role: Role = Role.ADMIN) -> "Scope":
        """The same role at every site."""
        return cls(everywhere=role)

    @classmethod
    def of(cls, grants: Mapping[str, str]) -> "Scope":
        """The scope of names of roles by site id; `EVERY_SITE` stands for all of them."""
        roles = {site: Role[role] for site, role in grants.items()}
        return cls(frozenset((site, role) for site, role in roles.items() if site != EVERY_SITE), roles.get(EVERY_SITE))

    @property
    def grants(self) -> dict[str, str]:
        """What `of` makes this scope of."""
        everywhere = {EVERY_SITE: self.everywhere.name} if self.everywhere else {}
        return everywhere | {site: role.name for site, role in sorted(self.sites)}

    def role_at(self, site_id: str | None) -> Role | None:
        """The role at a site, or, for None, at every site; None: there is none."""
        at_site = [role for site, role in self.sites if site == site_id]
        return max([*at_site, *([self.everywhere] if self.everywhere else [])], default=None)

    def site_ids(self, role: Role = Role.VIEWER) -> frozenset[str] | None:
        """The sites at which this role or a higher one is held; None: at every site."""
        if self.everywhere is not None and self.everywhere >= role:
            return None
        return frozenset(site for site, held in self.sites if held >= role)

    def within(self, other: "Scope") -> "Scope":
        """What both scopes allow: a key's reach never exceeds its owner's."""
        named = {site for site, _ in self.sites | other.sites}
        both = {site: _lower(self.role_at(site), other.role_at(site)) for site in named}
        sites = frozenset((site, role) for site, role in both.items() if role is not None)
        return Scope(sites, _lower(self.everywhere, other.everywhere))


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who is known; `user_id` is a pseudonym and may stand in records, unlike any name or address.

    `key_id` names the API key in use, `session_id` the session; both None in an installation without sign-in.
    """

    user_id: str
    scope: Scope
    expires_at: datetime | None = None
    session_id: str | None = None
    key_id: str | None = None


OPEN = Principal("anonymous", Scope.all_sites())
NOBODY = Principal("nobody", Scope())


def _lower(one: Role | None, other: Role | None) -> Role | None:
    return min(one, other) if one and other else None
