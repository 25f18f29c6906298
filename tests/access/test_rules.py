"""The rules, as pure functions: more of a role is more of what may be done, and nobody's reach grows on the way."""

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.access.principal import EVERY_SITE, NOBODY, OPEN, Principal, Role, Scope
from graphql_api.access.rules import Action, allowed, sites_for

SITES = ("north", "south", "west")
ROLES = st.sampled_from([role.name for role in Role])
SCOPES = st.dictionaries(st.sampled_from([*SITES, EVERY_SITE]), ROLES).map(Scope.of)
ACTIONS = st.sampled_from(list(Action))
PLACES = st.sampled_from([*SITES, "elsewhere", None])


def may(scope: Scope, action: Action, site_id: str | None) -> bool:
    return allowed(Principal("someone", scope), action, site_id)


def test_roles_are_ordered() -> None:
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN


def test_a_viewer_of_one_site_reads_there_and_no_persons() -> None:
    scope = Scope.of({"north": "VIEWER"})
    assert [action for action in Action if may(scope, action, "north")] == [Action.READ]
    assert not any(may(scope, action, site) for action in Action for site in ("south", None))


def test_nobody_may_do_nothing_and_an_open_installation_everything() -> None:
    assert not any(allowed(NOBODY, action, site) for action in Action for site in (*SITES, None))
    assert all(allowed(OPEN, action, site) for action in Action for site in (*SITES, None))


@given(SCOPES, ACTIONS)
def test_what_is_allowed_at_every_site_is_allowed_at_each(scope: Scope, action: Action) -> None:
    if may(scope, action, None):
        assert all(may(scope, action, site) for site in (*SITES, "elsewhere"))


@given(SCOPES, SCOPES, ACTIONS, PLACES)
def test_a_scope_within_another_allows_what_both_allow(
    one: Scope, other: Scope, action: Action, site: str | None
) -> None:
    assert may(one.within(other), action, site) == (may(one, action, site) and may(other, action, site))


@given(SCOPES, ACTIONS, PLACES)
def test_the_sites_for_an_action_are_those_at_which_it_is_allowed(
    scope: Scope, action: Action, site: str | None
) -> None:
    sites = sites_for(scope, action)
    assert may(scope, action, site) == (sites is None or site in sites)


@given(SCOPES)
def test_a_scope_is_what_its_grants_make(scope: Scope) -> None:
    assert Scope.of(scope.grants) == scope
    assert hash(Scope.of(scope.grants)) == hash(scope)
