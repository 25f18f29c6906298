"""What resolvers are given: the parts of the running process, and loaders that join single look-ups into one query.

The context lives as long as its socket, so nothing in it remembers an answer: loaders batch, they do not cache.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import strawberry
from sqlalchemy import Connection, RowMapping
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext

from graphql_api.access.changes import AccessChanges
from graphql_api.access.gate import Access
from graphql_api.access.principal import NOBODY, Principal
from graphql_api.access.rules import Action, sites_for
from graphql_api.access.sign_in import SignIn
from graphql_api.commands import Commands
from graphql_api.database import ReadModel
from graphql_api.event_stream import Sharing
from graphql_api.limits.budget import Budgets, Rate
from graphql_api.live import Live
from graphql_api.settings import ApiSettings
from graphql_api.sql.cameras import cameras_by_id
from graphql_api.sql.sites import exceptions_of, shifts_of, sites_by_id
from graphql_api.sql.track_positions import PathKey, paths
from graphql_api.sql.zones import lines_of, zones_by_revision, zones_of

K = TypeVar("K", bound=Hashable)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """The parts of one API process that its resolvers and routes use."""

    settings: ApiSettings
    database: ReadModel
    live: Live
    commands: Commands
    now: Callable[[], datetime] = utc_now

    @cached_property
    def access(self) -> Access:
        """The ways in."""
        sign_in = SignIn(self.settings, self.database)
        return Access(self.settings, sign_in, AccessChanges(self.database, self.settings.access_poll_s))

    @cached_property
    def budgets(self) -> Budgets:
        """What each caller may still ask for."""
        return Budgets(Rate(self.settings.cost_saved_up, self.settings.cost_restored_per_s))


class Context(BaseContext):
    """One request's, or one socket's, way to the services."""

    def __init__(self, services: Services, principal: Principal = NOBODY) -> None:
        super().__init__()
        self.services = services
        self.principal = principal
        self.sharing = Sharing()

    @property
    def group_of(self) -> int:
        """How many persons a number must be about to be shown: one to those who may see single persons wherever they read."""
        scope = self.principal.scope
        every = sites_for(scope, Action.READ_PERSONS) == sites_for(scope, Action.READ)
        return 1 if every else self.services.settings.smallest_group

    @cached_property
    def sites(self) -> DataLoader[str, RowMapping | None]:
        """A site's row by id."""
        return self._one(sites_by_id, lambda row: str(row["site_id"]))

    @cached_property
    def shifts(self) -> DataLoader[str, list[RowMapping]]:
        """The rows of a site's weekly shifts by its id."""
        return self._many(shifts_of, "site_id")

    @cached_property
    def exceptions(self) -> DataLoader[str, list[RowMapping]]:
        """The rows of a site's exceptions by its id."""
        return self._many(exceptions_of, "site_id")

    @cached_property
    def cameras(self) -> DataLoader[str, RowMapping | None]:
        """A camera's row by id."""
        return self._one(cameras_by_id, lambda row: str(row["camera_id"]))

    @cached_property
    def zones_in_force(self) -> DataLoader[str, list[RowMapping]]:
        """The rows of a camera's zones by its id."""
        return self._many(zones_of, "camera_id")

    @cached_property
    def lines_in_force(self) -> DataLoader[str, list[RowMapping]]:
        """The rows of a camera's lines by its id."""
        return self._many(lines_of, "camera_id")

    @cached_property
    def zones(self) -> DataLoader[tuple[str, str, int], RowMapping | None]:
        """A zone's row by (camera, zone, revision)."""
        return self._one(zones_by_revision, lambda row: (row["camera_id"], row["zone_id"], row["zones_revision"]))

    @cached_property
    def paths(self) -> DataLoader[PathKey, list[RowMapping]]:
        """The rows of a track's path."""

        async def load(keys: list[PathKey]) -> list[list[RowMapping]]:
            found: list[list[RowMapping]] = [[] for _ in keys]
            for row in await self.services.database.run(paths, keys):
                found[row["no"] - 1].append(row)
            return found

        return DataLoader(load, cache=False)

    def _one(
        self, query: Callable[[Connection, Sequence[K]], Sequence[RowMapping]], key: Callable[[RowMapping], K]
    ) -> DataLoader[K, RowMapping | None]:
        async def load(keys: list[K]) -> list[RowMapping | None]:
            found = {key(row): row for row in await self.services.database.run(query, list(dict.fromkeys(keys)))}
            return [found.get(key_) for key_ in keys]

        return DataLoader(load, cache=False)

    def _many(
        self, query: Callable[[Connection, Sequence[str]], Sequence[RowMapping]], owner: str
    ) -> DataLoader[str, list[RowMapping]]:
        async def load(keys: list[str]) -> list[list[RowMapping]]:
            rows = await self.services.database.run(query, list(dict.fromkeys(keys)))
            return [[row for row in rows if row[owner] == key] for key in keys]

        return DataLoader(load, cache=False)


Info: TypeAlias = strawberry.Info[Context, Any]
