"""Judges what a request names against what its sender may do, for every field of the schema and every route of REST.

A field or route that this module does not list is refused. What lies outside of the sender's sites is answered like what does
not exist, so nothing can be learned by asking. Views of rows about single persons, and all changes, are written to the audit
before they are answered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql_api.access.principal import OPEN, Principal
from graphql_api.access.rules import Action, allowed
from graphql_api.database import ReadModel
from graphql_api.errors import ForbiddenError, NotFoundError
from graphql_api.metrics import ACCESS_REFUSED
from graphql_api.sql.access_changes import Entry, note
from graphql_api.sql.cameras import cameras_by_id
from graphql_api.sql.replay_runs import run_by_id

FREE = None  # whoever is signed in: the answer holds only what is theirs

FIELDS: dict[str, Action | None] = {
    "Query.node": FREE,
    "Query.viewer": FREE,
    "Query.sites": FREE,
    "Query.users": FREE,
    "Query.apiKeys": FREE,
    "Query.audit": FREE,
    "Query.site": Action.READ,
    "Query.camera": Action.READ,
    "Query.cameras": Action.READ,
    "Query.zones": Action.READ,
    "Query.lines": Action.READ,
    "Query.zonesHistory": Action.READ,
    "Query.efficiency": Action.READ,
    "Query.occupancy": Action.READ,
    "Query.heatMap": Action.READ_PERSONS,
    "Query.zoneMinutes": Action.READ_PERSONS,
    "Query.restatements": Action.READ,
    "Query.tracks": Action.READ_PERSONS,
    "Query.zoneVisits": Action.READ_PERSONS,
    "Query.replayRuns": Action.REPLAY,
    "Query.replayRun": Action.REPLAY,
    "Mutation.zonesDefine": Action.CONFIGURE,
    "Mutation.cameraConfigure": Action.CONFIGURE,
    "Mutation.shiftsDefine": Action.CONFIGURE,
    "Mutation.siteUpdate": Action.ADMINISTER,
    "Mutation.siteCreate": Action.ADMINISTER,
    "Mutation.replayStart": Action.REPLAY,
    "Mutation.replayDrop": Action.REPLAY,
    "Mutation.replayAdopt": Action.ADMINISTER,
    "Mutation.userInvite": FREE,
    "Mutation.userUpdate": FREE,
    "Mutation.grantSet": FREE,
    "Mutation.apiKeyCreate": FREE,
    "Mutation.apiKeyRevoke": FREE,
    "Mutation.sessionEnd": FREE,
    "ReplayRun.efficiency": Action.READ_PERSONS,
    "Subscription.liveTracks": Action.READ_PERSONS,
    "Subscription.zoneVisits": Action.READ_PERSONS,
    "Subscription.cameraEvents": Action.READ,
}
_SITES, _CAMERAS, _RUNS = {"siteId", "siteIds"}, {"cameraId", "cameraIds"}, {"runId"}
NAMES = _SITES | _CAMERAS | _RUNS
_VIEWED_OR_CHANGED = frozenset(Action) - {Action.READ}
# What these name beside cameras narrows nothing: without cameras they are about all of them.
_BY_CAMERAS_ONLY = frozenset({"Mutation.replayStart"})


@dataclass(frozen=True, slots=True)
class Named:
    """The sites, cameras and replay runs that a request names, by id."""

    sites: frozenset[str]
    cameras: frozenset[str]
    runs: frozenset[str]


def named(arguments: Mapping[str, Any]) -> Named:
    """What the arguments name, at any depth; names of arguments are those of the schema."""
    found = list(_values(arguments))
    sites, cameras, runs = (
        frozenset(str(value) for name, value in found if name in names) for names in (_SITES, _CAMERAS, _RUNS)
    )
    return Named(sites, cameras, runs)


async def judge(
    database: ReadModel, principal: Principal, field: str, action: Action | None, arguments: Mapping[str, Any]
) -> None:
    """Return when `principal` may do this with what the arguments name; a view of persons, or a change, is noted.

    Raises:
        NotFoundError: something named is not there, or lies outside of the principal's sites.
        ForbiddenError: the principal's role does not allow it, or nothing is named and not all is allowed.
    """
    if action is FREE or principal is OPEN:
        return
    sites = None
    if not allowed(principal, action, None):
        if field in _BY_CAMERAS_ONLY and not arguments.get("input", {}).get("cameraIds"):
            raise _nothing_named()
        sites = await _sites(database, named(arguments))
        _check(principal, action, sites)
    if action in _VIEWED_OR_CHANGED:
        what = "persons.read" if action is Action.READ_PERSONS else field
        entry = Entry(
            actor=principal.user_id,
            action=what,
            subject=field,
            site_ids=sorted(sites) if sites is not None else sorted(named(arguments).sites) or None,
            details={"arguments": arguments, "key": principal.key_id},
        )
        await database.run(note, entry)


async def _sites(database: ReadModel, names: Named) -> frozenset[str]:
    """The sites of all that is named.

    Raises:
        NotFoundError: a camera or run is not there.
        ForbiddenError: nothing is named, or a run over all cameras.
    """
    cameras, sites = set(names.cameras), set(names.sites)
    for run_id in names.runs:
        run = await database.run(run_by_id, run_id)
        if run is None or run["cameras"] is None:  # one over all cameras is for those who see all
            raise _missing()
        cameras |= set(run["cameras"])
    if not cameras and not sites:
        raise _nothing_named()
    if cameras:
        found = {row["camera_id"]: row["site_id"] for row in await database.run(cameras_by_id, sorted(cameras))}
        if cameras - found.keys():
            raise _missing()
        sites |= set(found.values())
    return frozenset(sites)


def _check(principal: Principal, action: Action, sites: frozenset[str]) -> None:
    for site_id in sorted(sites):
        if not allowed(principal, Action.READ, site_id):
            raise _missing()
        if not allowed(principal, action, site_id):
            ACCESS_REFUSED.labels(ForbiddenError.code).inc()
            raise ForbiddenError(f"Your role at the site {site_id!r} does not allow to {action.value}.")


def _missing() -> NotFoundError:
    # what is not there and what is not theirs read alike
    return NotFoundError("There is no such site, camera or run.")


def _nothing_named() -> ForbiddenError:
    return ForbiddenError("Name a site or cameras: you have a role at some sites only. The query `sites` lists them.")


def _values(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping():
            for key, each in value.items():
                yield from _values(each, key)
        case list() | tuple():
            for each in value:
                yield from _values(each, name)
        case None:
            return
        case _:
            yield name, value
