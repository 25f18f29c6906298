"""REST under /api/v1 for integrators without GraphQL; the same functions answer."""

import hashlib
from datetime import UTC, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, TypeAdapter

from graphql_api.as_of import AsOf
from graphql_api.context import Services
from graphql_api.efficiency import Basis, Buckets, EfficiencySeries, efficiency_series
from graphql_api.live import Frame
from graphql_api.live_tracks import LiveFrame, live_frame
from graphql_api.rest_models import model_of
from graphql_api.time_range import CalendarUnit, TimeRange

_FRAME, _EFFICIENCY = model_of(LiveFrame), model_of(EfficiencySeries)
_FRAMES: TypeAdapter[list[BaseModel]] = TypeAdapter(list[_FRAME])  # type: ignore[valid-type]
_PROBLEMS: dict[int | str, dict[str, object]] = {
    status: {"description": meaning, "content": {"application/problem+json": {}}}
    for status, meaning in {
        400: "The request cannot be answered as it stands.",
        404: "No such site or camera.",
        422: "The parameters cannot be read.",
        503: "A part is away; try again later.",
    }.items()
}


def rest_router(services: Services) -> APIRouter:
    """The routes under /api/v1."""
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/tracking/current",
        response_model=list[_FRAME],  # type: ignore[valid-type]
        responses={304: {"description": "No newer frame."}},
    )
    async def tracking_current(
        request: Request, camera_id: Annotated[list[str] | None, Query(description="Only these cameras.")] = None
    ) -> Response:
        """The newest frame of each camera seen since the process started, by camera id."""
        newest = services.live.frames.newest()
        frames = [frame for name, frame in sorted(newest.items()) if camera_id is None or name in camera_id]
        etag = _etag(frames)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        body = _FRAMES.dump_json([_FRAME.model_validate(live_frame(frame)) for frame in frames])
        return Response(body, headers=headers, media_type="application/json")

    @router.get("/reports/efficiency", response_model=_EFFICIENCY, responses=_PROBLEMS)
    async def reports_efficiency(
        *,
        start: Annotated[AwareDatetime, Query(alias="from", description="Beginning, with a UTC offset.")],
        stop: Annotated[AwareDatetime, Query(alias="to", description="End, itself not part of it.")],
        site_id: Annotated[str | None, Query(description="All cameras of this site.")] = None,
        camera_id: Annotated[list[str] | None, Query(description="These cameras.")] = None,
        bucket: Annotated[
            timedelta | None, Query(description="ISO 8601 length of the buckets, PT1H unless said.")
        ] = None,
        calendar: Annotated[CalendarUnit | None, Query(description="Buckets on the site's clock instead.")] = None,
        as_of: Annotated[AsOf, Query(description="LIVE: as measured, before any correction.")] = AsOf.CURRENT,
    ) -> BaseModel:
        """Efficiency, utilisation, capacity use and coverage inside shifts, by bucket and over the range."""
        span = TimeRange(start=start.astimezone(UTC), stop=stop.astimezone(UTC))
        buckets = Buckets(bucket, calendar)
        series = await efficiency_series(services, site_id, camera_id, span, buckets, basis=Basis(as_of))
        return _EFFICIENCY.model_validate(series)

    return router


def _etag(frames: list[Frame]) -> str:
    positions = [(frame.tracks.camera_id, *_position(frame)) for frame in frames]
    return f'"{hashlib.sha256(repr(positions).encode()).hexdigest()[:32]}"'


def _position(frame: Frame) -> tuple[int, int, int, int]:
    position = frame.tracks.position
    return position.epoch, position.partition, position.offset, position.index
