"""Sites: places with a name and a time zone that cameras belong to."""

from collections.abc import Iterable
from typing import Annotated, Self

import strawberry
from strawberry import relay

from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.pagination import DEFAULT_FIRST, Connection
from graphql_api.sql.sites import all_sites


@output
class Site(relay.Node):
    """A place with its own time zone; every camera belongs to one."""

    site_id: relay.NodeID[str]
    name: str
    time_zone: str = strawberry.field(description="IANA name, such as Europe/Madrid.")

    @strawberry.field(name="siteId", description="The site's own id, as commands and filters take it.")
    def own_id(self) -> strawberry.ID:
        """The site's own id."""
        return strawberry.ID(self.site_id)

    @resolved
    async def cameras(
        self, info: Info, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Annotated["Camera", strawberry.lazy("graphql_api.cameras")]]:  # type: ignore[name-defined]  # noqa: F821 - resolved lazily, cameras import sites
        """The cameras of the site by id."""
        from graphql_api.cameras import camera_page  # noqa: PLC0415 - cameras import sites

        return await camera_page(info, self.site_id, first, after)

    @classmethod
    async def resolve_nodes(
        cls, *, info: Info, node_ids: Iterable[str], required: bool = False
    ) -> list[Self | None]:
        """The sites with these ids; None where there is none."""
        del required
        found = await info.context.sites.load_many(node_ids)
        return [row and cls(**row) for row in found]


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
