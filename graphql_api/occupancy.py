"""Occupancy as series: how many people were in each zone, on average and at most, at all hours and not only in shifts.

The rows are those of the measures of efficiency, taken over a schedule without end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import strawberry

from graphql_api.access.groups import Row
from graphql_api.as_of import RESTATED_AT, AsOf
from graphql_api.context import Info, Services
from graphql_api.described import output, resolved
from graphql_api.efficiency import Basis, Buckets, CameraRevisions, column, measured
from graphql_api.time_range import CalendarUnit, TimeRange

_ALWAYS: dict[str, list[object]] = {"shifts": [], "exceptions": []}


@output
class ZoneOccupancy:
    """How many people were in one zone: over the range, and by bucket."""

    camera_id: strawberry.ID
    zone_id: strawberry.ID
    total_people: float | None
    total_peak: int | None
    people: list[float | None] = strawberry.field(description="Average over the observed time of the bucket.")
    peak: list[int | None] = strawberry.field(description="The most people inside at once.")


@output
class OccupancySeries:
    """People in zones by bucket, as columns of equal length; null where nothing was observed, never zero for that."""

    t: list[datetime] = strawberry.field(description="Beginnings of the buckets.")
    zones: list[ZoneOccupancy] = strawberry.field(description="Zones may overlap: do not add them up.")
    coverage: list[float | None] = strawberry.field(description="Observed ÷ elapsed time of the cameras with zones.")
    weak: list[bool] = strawberry.field(description="Too little was observed: do not rely on the numbers.")
    complete: list[bool] = strawberry.field(description="The bucket ends at or before the watermark: it is final.")
    restated_at: list[datetime | None] = strawberry.field(description=RESTATED_AT)
    zones_revisions: list[CameraRevisions]
    bucket: timedelta | None = strawberry.field(description="Length of the buckets; null for calendar units.")
    calendar: CalendarUnit | None = strawberry.field(description="Unit of the buckets on the site's clock.")
    watermark: datetime | None = strawberry.field(
        description="Up to when the minutes of all cameras are final; null while one has none."
    )
    as_of: datetime


async def occupancy_series(
    services: Services,
    site_id: str | None,
    camera_ids: Sequence[str] | None,
    span: TimeRange,
    wanted: Buckets,
    *,
    as_of: AsOf = AsOf.CURRENT,
    group_of: int = 1,
) -> OccupancySeries:
    """How many people were in each zone of a site's cameras, or of some cameras; errors as `measured` says."""
    found = await measured(services, site_id, camera_ids, span, wanted, basis=Basis(as_of, _ALWAYS, group_of))
    columns = {name: [row[name] for row in found.by_bucket] for name in ("coverage", "weak", "restated_at")}
    return OccupancySeries(
        t=list(found.cut[:-1]),
        zones=[_zone(zone, rows) for zone, rows in found.zones().items()],
        **columns,
        complete=found.complete,
        zones_revisions=found.revisions,
        bucket=found.bucket,
        calendar=found.wanted.calendar,
        watermark=found.final_to,
        as_of=found.now,
    )


def _zone(zone: tuple[str, str], rows: Sequence[Row | None]) -> ZoneOccupancy:
    total_people, *people = column(rows, "people")
    total_peak, *peak = column(rows, "peak")
    return ZoneOccupancy(
        camera_id=strawberry.ID(zone[0]),
        zone_id=strawberry.ID(zone[1]),
        total_people=total_people,
        total_peak=total_peak,
        people=people,
        peak=peak,
    )


@strawberry.type
class OccupancyQuery:
    """Queries about occupancy."""

    @resolved
    async def occupancy(
        self,
        info: Info,
        *,
        range: TimeRange,  # noqa: A002 - the argument's public name
        site_id: strawberry.ID | None = None,
        camera_ids: list[strawberry.ID] | None = None,
        bucket: timedelta | None = None,
        calendar: CalendarUnit | None = None,
        as_of: AsOf = AsOf.CURRENT,
    ) -> OccupancySeries:
        """People in the zones of a site, or of some cameras, over the UTC minutes that begin in the range.

        Buckets are as for `efficiency`.
        """
        services, buckets = info.context.services, Buckets(bucket, calendar)
        return await occupancy_series(
            services, site_id, camera_ids, range, buckets, as_of=as_of, group_of=info.context.group_of
        )
