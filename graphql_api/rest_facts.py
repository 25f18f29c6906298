"""Cameras, zones and visits over REST; the same functions answer as in GraphQL."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field
from strawberry import ID

from graphql_api.as_of import AsOf
from graphql_api.cameras import Camera, camera_page, one_camera
from graphql_api.context import Context, Services
from graphql_api.errors import NotFoundError, RangeError
from graphql_api.pagination import DEFAULT_FIRST
from graphql_api.rest_models import model_of
from graphql_api.rest_parts import (
    PROBLEMS,
    After,
    CameraIds,
    Facts,
    First,
    SiteId,
    Start,
    Stop,
    ZoneIds,
    admitted,
    next_page,
    span_of,
)
from graphql_api.visits import VisitFilter, ZoneVisit, visits_connection
from graphql_api.zones import Zone, zones_at

_CAMERA, _ZONE, _VISIT = model_of(Camera), model_of(Zone), model_of(ZoneVisit)
_MAX_INT = 2**31 - 1
_AFTER = Field(description="Where the next page begins; null: this is the last.")


class Cameras(BaseModel):
    """A page of cameras."""

    cameras: list[_CAMERA]  # type: ignore[valid-type]
    after: Annotated[str | None, _AFTER]


class Visits(BaseModel):
    """A page of visits."""

    visits: list[_VISIT]  # type: ignore[valid-type]
    after: Annotated[str | None, _AFTER]


async def visit_filter(
    site_id: SiteId = None,
    camera_id: CameraIds = None,
    zone_id: ZoneIds = None,
    open: Annotated[bool | None, Query(description="True: still open; false: closed.")] = None,  # noqa: A002 - public name
    min_dwell_ms: Annotated[
        int | None, Query(ge=0, le=_MAX_INT, description="Closed visits this long or longer.")
    ] = None,
) -> VisitFilter:
    """Which visits; what is left out does not restrict."""
    return VisitFilter(
        site_id=None if site_id is None else ID(site_id),
        camera_ids=None if camera_id is None else [ID(each) for each in camera_id],
        zone_ids=None if zone_id is None else [ID(each) for each in zone_id],
        open=open,
        min_dwell_ms=min_dwell_ms,
    )


Filter = Annotated[VisitFilter, Depends(visit_filter)]


def facts_router(services: Services) -> APIRouter:
    """The routes under /api/v1 for what cameras are, and what they saw."""
    router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
    one, page = Depends(admitted(services, 1)), Depends(admitted(services, DEFAULT_FIRST))

    @router.get("/cameras")
    async def cameras(
        context: Annotated[Context, page], site_id: SiteId = None, first: First = DEFAULT_FIRST, after: After = None
    ) -> Cameras:
        """The cameras of a site, or of all, by id."""
        found = await camera_page(context, site_id, first, after)
        return Cameras(cameras=[_CAMERA.model_validate(node) for node in found.nodes], after=next_page(found))

    @router.get("/cameras/{camera_id}", response_model=_CAMERA)
    async def camera(context: Annotated[Context, one], camera_id: str) -> BaseModel:
        """What a camera is to do, and how it is doing."""
        found = await one_camera(context, camera_id)
        if found is None:
            raise NotFoundError(f"There is no camera {camera_id!r}.")
        return _CAMERA.model_validate(found)

    @router.get("/zones", response_model=list[_ZONE])  # type: ignore[valid-type]
    async def zones(
        context: Annotated[Context, page],
        camera_id: Annotated[str, Query(description="Of this camera.")],
        at: Annotated[AwareDatetime | None, Query(description="In force at this moment; now, unless said.")] = None,
    ) -> list[BaseModel]:
        """The zones of a camera in force, by id."""
        return [_ZONE.model_validate(zone) for zone in await zones_at(context, camera_id, _utc(at))]

    @router.get("/visits")
    async def visits(
        *,
        context: Annotated[Context, page],
        start: Start,
        stop: Stop,
        wanted: Filter,
        first: First = DEFAULT_FIRST,
        after: After = None,
        as_of: Facts = AsOf.CURRENT,
    ) -> Visits:
        """Visits entered in the range, newest first."""
        found = await visits_connection(context, span_of(start, stop), wanted, first, after, as_of=as_of)
        return Visits(visits=[_VISIT.model_validate(node) for node in found.nodes], after=next_page(found))

    return router


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise RangeError("The moment lies outside the years 1 to 9999 in UTC.") from error
