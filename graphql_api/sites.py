"""Sites: places with a name, a time zone and shifts, that cameras belong to."""

from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.nodes import KeyedNode
from graphql_api.pagination import DEFAULT_FIRST, Connection
from graphql_api.shifts import Shift, ShiftException, shown
from graphql_api.sql.sites import all_sites


@output
class Site(KeyedNode):
    """A place with its own time zone; every camera belongs to one."""

    site_id: strawberry.ID
    name: str
    time_zone: str = strawberry.field(description="IANA name, such as Europe/Madrid.")
    revision: int = strawberry.field(default=1, description="Counts the changes of the site and its shifts, from 1.")

    @classmethod
    def resolve_id(cls, root: "Site", *, info: Info) -> str:
        """The site's own id."""
        del info
        return root.site_id

    @resolved
    async def shifts(self, info: Info) -> list[Shift]:
        """When the site is to be watched, week by week; none: always, but for the exceptions."""
        return [shown(Shift, row) for row in await info.context.shifts.load(self.site_id)]

    @resolved
    async def exceptions(self, info: Info) -> list[ShiftException]:
        """What holds in place of the shifts that would begin on a date."""
        return [shown(ShiftException, row) for row in await info.context.exceptions.load(self.site_id)]

    @resolved
    async def cameras(
        self, info: Info, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Annotated["Camera", strawberry.lazy("graphql_api.cameras")]]:  # type: ignore[name-defined]  # noqa: F821 - resolved lazily, cameras import sites
        """The cameras of the site by id."""
        from graphql_api.cameras import camera_page  # noqa: PLC0415 - cameras import sites

        return await camera_page(info.context, self.site_id, first, after)

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "Site | None":
        """The site with this id."""
        row = await info.context.sites.load(key)
        return Site(**row) if row else None


@strawberry.type
class SiteQuery:
    """Queries about sites."""

    @resolved
    async def sites(self, info: Info) -> list[Site]:
        """Every site by id."""
        return [Site(**row) for row in await info.context.services.database.run(all_sites)]

    @resolved
    async def site(self, info: Info, site_id: strawberry.ID) -> Site | None:
        """The site with this id."""
        row = await info.context.sites.load(site_id)
        return Site(**row) if row else None
