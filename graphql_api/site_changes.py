"""The mutations of sites and shifts: tables of the API, versioned, and no business of any camera's log."""

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Info
from graphql_api.described import command, output, payload
from graphql_api.errors import NotFoundError
from graphql_api.shifts import ShiftsDefineInput, faults, stored
from graphql_api.sites import Site
from graphql_api.sql.sites import (
    OverlappingShiftsError,
    ShiftsChange,
    create_site,
    define_shifts,
    known_time_zone,
    update_site,
)
from graphql_api.user_errors import UserError


@payload
class SiteCreateInput:
    """A new site."""

    site_id: strawberry.ID
    name: str
    time_zone: str = "UTC"


@payload
class SiteUpdateInput:
    """What shall change of a site; what is left out stays."""

    site_id: strawberry.ID
    name: str | None = None
    time_zone: str | None = None


@output
class SitePayload:
    """The site as it is now, or what to mend."""

    site: Site | None = None
    user_errors: list[UserError]


@strawberry.type
class SiteMutation:
    """Changes of sites; each is a version that stays."""

    @command
    async def site_create(
        self,
        info: Info,
        input: SiteCreateInput,  # noqa: A002 - the argument's public name
    ) -> SitePayload:
        """Make a site; without shifts it is always to be watched."""
        if faulty := await _faults(info, input):
            return SitePayload(user_errors=faulty)
        run = info.context.services.database.run
        made = await run(
            create_site, input.site_id, input.name, input.time_zone, changed_by=info.context.principal.user_id
        )
        if made is None:
            message = f"There is a site {input.site_id!r} already. Choose another id, or update that one."
            return _refused(UserError(code="SITE_EXISTS", message=message, field=["input", "siteId"]))
        return _site(made)

    @command
    async def site_update(
        self,
        info: Info,
        input: SiteUpdateInput,  # noqa: A002 - the argument's public name
    ) -> SitePayload:
        """Change name or time zone of a site. The time zone is that of its shifts and days, past ones too."""
        if faulty := await _faults(info, input):
            return SitePayload(user_errors=faulty)
        run = info.context.services.database.run
        changed = await run(
            update_site, input.site_id, input.name, input.time_zone, changed_by=info.context.principal.user_id
        )
        if changed is None:
            raise NotFoundError(f"There is no site {input.site_id!r}.")
        return _site(changed)

    @command
    async def shifts_define(
        self,
        info: Info,
        input: ShiftsDefineInput,  # noqa: A002 - the argument's public name
        if_revision: int | None = None,
    ) -> SitePayload:
        """Give a site these shifts and exceptions; past numbers are read by them too.

        With `ifRevision` the change is refused when the site has another revision.
        """
        if faulty := faults(input):
            return SitePayload(user_errors=faulty)
        change = ShiftsChange(
            site_id=input.site_id,
            shifts=[stored(shift) for shift in input.shifts],
            exceptions=[stored(exception) for exception in input.exceptions],
            if_revision=if_revision,
            changed_by=info.context.principal.user_id,
        )
        try:
            changed = await info.context.services.database.run(define_shifts, change)
        except OverlappingShiftsError as error:
            path = ["input", *error.path.split(".")]
            return _refused(UserError(code="OVERLAPPING_SHIFTS", message=str(error), field=path))
        return _site(changed) if changed else await _conflict(info, input.site_id)


async def _faults(info: Info, given: SiteCreateInput | SiteUpdateInput) -> list[UserError]:
    empty = [name for name, value in (("siteId", given.site_id), ("name", given.name)) if value == ""]
    found = [UserError(code="INVALID", message=f"`{name}` must not be empty.", field=["input", name]) for name in empty]
    zone = given.time_zone
    if zone is not None and not await info.context.services.database.run(known_time_zone, zone):
        message = f"{zone!r} is no IANA time zone. Write it like Europe/Madrid."
        found.append(UserError(code="BAD_TIME_ZONE", message=message, field=["input", "timeZone"]))
    return found


async def _conflict(info: Info, site_id: str) -> SitePayload:
    row = await info.context.sites.load(site_id)
    if row is None:
        raise NotFoundError(f"There is no site {site_id!r}.")
    message = f"Revision {row['revision']} is in force. Read it, apply your change to it and try again."
    error = UserError(code="REVISION_CONFLICT", message=message, field=["ifRevision"])
    return SitePayload(site=Site(**row), user_errors=[error])


def _site(row: RowMapping) -> SitePayload:
    return SitePayload(site=Site(**row), user_errors=[])


def _refused(error: UserError) -> SitePayload:
    return SitePayload(user_errors=[error])
