"""Efficiency, utilisation, capacity use and coverage as series: one function for GraphQL and REST.

The formulas are in `graphql_api.sql.efficiency`; here the range is cut into buckets and rows become columns. Without
shifts, the scheduled time is the range itself, up to now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Info, Services
from graphql_api.described import output, resolved
from graphql_api.errors import BadInputError, NotFoundError
from graphql_api.sql.efficiency import EfficiencyQuery, cameras_asked, measures, watermark
from graphql_api.sql.sites import sites_by_id
from graphql_api.time_range import Bucket, TimeRange, buckets, whole_minutes

HOUR = timedelta(hours=1)
_TOTAL = 0


@output
class EfficiencyTotal:
    """The measures over the whole range, from the sums, not from the buckets' ratios."""

    efficiency: float | None
    utilisation: float | None
    capacity_use: float | None
    coverage: float | None
    weak: bool
    complete: bool
    work_ms: float
    present_ms: float
    observed_ms: float
    scheduled_ms: float


@output
class ZoneUse:
    """How one zone was used: over the range, and by bucket."""

    camera_id: strawberry.ID
    zone_id: strawberry.ID
    total_utilisation: float | None
    total_capacity_use: float | None
    utilisation: list[float | None]
    capacity_use: list[float | None]


@output
class CameraRevisions:
    """Which zone sets of a camera were in force in the range."""

    camera_id: strawberry.ID
    revisions: list[int]


@output
class EfficiencySeries:
    """The measures by bucket, as columns of equal length; null where nothing was observed or the divisor is 0."""

    t: list[datetime] = strawberry.field(description="Beginnings of the buckets.")
    efficiency: list[float | None] = strawberry.field(
        description="Exclusive person time in WORK zones ÷ exclusive person time in all zones."
    )
    utilisation: list[float | None] = strawberry.field(description="Occupied ÷ observed time, over all zones.")
    capacity_use: list[float | None] = strawberry.field(
        description="Person time ÷ (capacity * observed time), over the zones with a capacity."
    )
    coverage: list[float | None] = strawberry.field(
        description="Observed ÷ scheduled time of the cameras with zones. Scheduled is the bucket up to now."
    )
    weak: list[bool] = strawberry.field(description="Coverage below 0.8 or unknown: do not rely on the numbers.")
    complete: list[bool] = strawberry.field(description="The bucket ends at or before the watermark: it is final.")
    work_ms: list[float] = strawberry.field(description="Exclusive person time in WORK zones.")
    present_ms: list[float] = strawberry.field(description="Exclusive person time in all zones.")
    observed_ms: list[float]
    scheduled_ms: list[float]
    total: EfficiencyTotal
    zones: list[ZoneUse]
    zones_revisions: list[CameraRevisions]
    bucket: timedelta
    watermark: datetime | None = strawberry.field(
        description="Up to when the minutes of all cameras are final; null while one has none."
    )
    as_of: datetime


async def efficiency_series(
    services: Services, site_id: str | None, camera_ids: Sequence[str] | None, span: TimeRange, length: timedelta
) -> EfficiencySeries:
    """The measures of a site's cameras, or of some cameras, in buckets of `length`.

    Raises:
        BadInputError: not exactly one of site and cameras, or an impossible range or bucket.
        NotFoundError: no such site or camera.
    """
    minutes, now = whole_minutes(span), services.now()
    grid = buckets(minutes, length, now)
    asked = await _cameras(services, site_id, camera_ids, minutes)
    measured = [str(row["camera_id"]) for row in asked if row["has_zones"]]
    query = EfficiencyQuery(
        camera_ids=measured,
        start=minutes.start,
        stop=minutes.stop,
        starts=[bucket.start for bucket in grid],
        scheduled_ms=[bucket.scheduled_ms for bucket in grid],
    )
    final_to = await services.database.run(watermark, measured)
    rows = await services.database.run(measures, query)
    return _series(rows, asked, grid, length, final_to=final_to, now=now)


async def _cameras(
    services: Services, site_id: str | None, camera_ids: Sequence[str] | None, span: TimeRange
) -> Sequence[RowMapping]:
    if (site_id is None) == (camera_ids is None):
        raise BadInputError("Name either a site or cameras.")
    run = services.database.run
    if site_id is not None and not await run(sites_by_id, [site_id]):
        raise NotFoundError(f"There is no site {site_id!r}.")
    found = await run(cameras_asked, site_id, camera_ids, (span.start, span.stop))
    missing = set(camera_ids or ()) - {row["camera_id"] for row in found}
    if missing:
        raise NotFoundError(f"There is no camera {min(missing)!r}.")
    return found


def _series(
    rows: Sequence[RowMapping],
    asked: Sequence[RowMapping],
    grid: Sequence[Bucket],
    length: timedelta,
    *,
    final_to: datetime | None,
    now: datetime,
) -> EfficiencySeries:
    total, *by_bucket = [row for row in rows if row["zone_id"] is None]
    complete = [final_to is not None and bucket.stop <= final_to for bucket in grid]
    names = ("efficiency", "utilisation", "capacity_use", "coverage", "weak",
             "work_ms", "present_ms", "observed_ms", "scheduled_ms")  # fmt: skip
    return EfficiencySeries(
        t=[bucket.start for bucket in grid],
        complete=complete,
        **{name: [row[name] for row in by_bucket] for name in names},
        total=EfficiencyTotal(complete=complete[-1], **{name: total[name] for name in names}),
        zones=_zone_uses(rows, len(grid)),
        zones_revisions=[
            CameraRevisions(camera_id=row["camera_id"], revisions=row["revisions"]) for row in asked if row["has_zones"]
        ],
        bucket=length,
        watermark=final_to,
        as_of=now,
    )


def _zone_uses(rows: Sequence[RowMapping], length: int) -> list[ZoneUse]:
    by_key = {(row["camera_id"], row["zone_id"], row["bucket"]): row for row in rows if row["zone_id"] is not None}
    zones = [key[:2] for key in by_key if key[2] == _TOTAL]

    def column(zone: tuple[str, str], name: str) -> list[float | None]:
        found = [by_key.get((*zone, i)) for i in range(_TOTAL, length + 1)]
        return [row[name] if row else None for row in found]

    def use(zone: tuple[str, str]) -> ZoneUse:
        (total_utilisation, *utilisation), (total_capacity_use, *capacity_use) = (
            column(zone, name) for name in ("utilisation", "capacity_use")
        )
        return ZoneUse(
            camera_id=strawberry.ID(zone[0]),
            zone_id=strawberry.ID(zone[1]),
            total_utilisation=total_utilisation,
            total_capacity_use=total_capacity_use,
            utilisation=utilisation,
            capacity_use=capacity_use,
        )

    return [use(zone) for zone in zones]


@strawberry.type
class EfficiencyQueries:
    """Queries about efficiency."""

    @resolved
    async def efficiency(
        self,
        info: Info,
        range: TimeRange,  # noqa: A002 - the argument's public name
        site_id: strawberry.ID | None = None,
        camera_ids: list[strawberry.ID] | None = None,
        bucket: timedelta = HOUR,
    ) -> EfficiencySeries:
        """The measures of a site, or of some cameras, over the UTC minutes that begin in the range."""
        return await efficiency_series(info.context.services, site_id, camera_ids, range, bucket)
