"""REST under /api/v1 for integrators without GraphQL; the same functions answer."""

import hashlib
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, TypeAdapter

from graphql_api.as_of import AsOf
from graphql_api.context import Context, Services
from graphql_api.efficiency import Basis, Buckets, EfficiencySeries, efficiency_series
from graphql_api.limits.cost import WORK
from graphql_api.live import Frame
from graphql_api.live_tracks import LiveFrame, live_frame
from graphql_api.occupancy import OccupancySeries, occupancy_series
from graphql_api.rest_models import model_of
from graphql_api.rest_parts import (
    PROBLEM,
    PROBLEMS,
    CameraIds,
    Facts,
    SiteId,
    Start,
    Stop,
    admitted,
    span_of,
)
from graphql_api.sql.commands import alive
from graphql_api.time_range import CalendarUnit

_FRAME, _EFFICIENCY, _OCCUPANCY = model_of(LiveFrame), model_of(EfficiencySeries), model_of(OccupancySeries)
_FRAMES: TypeAdapter[list[BaseModel]] = TypeAdapter(list[_FRAME])  # type: ignore[valid-type]


async def wanted_buckets(
    bucket: Annotated[timedelta | None, Query(description="ISO 8601 length of the buckets, PT1H unless said.")] = None,
    calendar: Annotated[CalendarUnit | None, Query(description="Buckets on the site's clock instead.")] = None,
) -> Buckets:
    """How the range is to be cut."""
    return Buckets(bucket, calendar)


def rest_router(services: Services) -> APIRouter:
    """The routes under /api/v1."""
    router = APIRouter(prefix="/api/v1")
    one, report = Depends(admitted(services, 1)), Depends(admitted(services, WORK["Query.efficiency"]))

    @router.get(
        "/tracking/current",
        response_model=list[_FRAME],  # type: ignore[valid-type]
        responses=PROBLEMS | {304: {"description": "No newer frame."}},
    )
    async def tracking_current(
        context: Annotated[Context, one], request: Request, camera_id: CameraIds = None
    ) -> Response:
        """The newest frame of each camera seen since the process started, by camera id."""
        newest = context.services.live.frames.newest()
        frames = [frame for name, frame in sorted(newest.items()) if camera_id is None or name in camera_id]
        etag = _etag(frames)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        body = _FRAMES.dump_json([_FRAME.model_validate(live_frame(frame)) for frame in frames])
        return Response(body, headers=headers, media_type="application/json")

    @router.get("/reports/efficiency", response_model=_EFFICIENCY, responses=PROBLEMS)
    async def reports_efficiency(
        *,
        context: Annotated[Context, report],
        start: Start,
        stop: Stop,
        site_id: SiteId = None,
        camera_id: CameraIds = None,
        buckets: Annotated[Buckets, Depends(wanted_buckets)],
        as_of: Facts = AsOf.CURRENT,
    ) -> BaseModel:
        """Efficiency, utilisation, capacity use and coverage inside shifts, by bucket and over the range."""
        asked = context.services, site_id, camera_id, span_of(start, stop), buckets
        return _EFFICIENCY.model_validate(
            await efficiency_series(*asked, basis=Basis(as_of, group_of=context.group_of))
        )

    @router.get("/occupancy", response_model=_OCCUPANCY, responses=PROBLEMS)
    async def occupancy(
        *,
        context: Annotated[Context, report],
        start: Start,
        stop: Stop,
        site_id: SiteId = None,
        camera_id: CameraIds = None,
        buckets: Annotated[Buckets, Depends(wanted_buckets)],
        as_of: Facts = AsOf.CURRENT,
    ) -> BaseModel:
        """People in zones, on average and at most, by bucket, at all hours."""
        asked = context.services, site_id, camera_id, span_of(start, stop), buckets
        return _OCCUPANCY.model_validate(await occupancy_series(*asked, as_of=as_of, group_of=context.group_of))

    @router.get("/health", responses={503: {"description": "The database does not answer."} | PROBLEM})
    async def health() -> dict[str, str]:
        """Whether questions can be answered; /readyz tells operators more."""
        await services.database.run(alive)
        return {"status": "ok"}

    return router


def _etag(frames: list[Frame]) -> str:
    positions = [(frame.tracks.camera_id, *_position(frame)) for frame in frames]
    return f'"{hashlib.sha256(repr(positions).encode()).hexdigest()[:32]}"'


def _position(frame: Frame) -> tuple[int, int, int, int]:
    position = frame.tracks.position
    return position.epoch, position.partition, position.offset, position.index
