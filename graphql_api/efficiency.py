"""Efficiency, utilisation, capacity use and coverage as series: one function for GraphQL and REST.

The formulas are in `graphql_api.sql.efficiency`; here the range is cut into buckets and rows become columns. What is
scheduled, and where days begin, only the database knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import strawberry
from sqlalchemy import RowMapping

from graphql_api.as_of import RESTATED_AT, AsOf
from graphql_api.context import Info, Services
from graphql_api.described import output, resolved
from graphql_api.errors import BadInputError, NotFoundError
from graphql_api.sql.efficiency import EfficiencyQuery, cameras_asked, measures, watermark
from graphql_api.sql.facts import Facts
from graphql_api.sql.sites import calendar_starts, sites_by_id
from graphql_api.time_range import CalendarUnit, TimeRange, check_calendar, edges, floor_minute, whole_minutes

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
    work_ms: float | None
    present_ms: float | None
    observed_ms: float
    scheduled_ms: float
    restated_at: datetime | None = strawberry.field(description=RESTATED_AT)


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
    revisions: list[int] = strawberry.field(description="Below zero: the zones of an adopted replay run.")


@output
class EfficiencySeries:
    """The measures by bucket inside the sites' shifts, as columns of equal length.

    Null where nothing was observed or the divisor is 0; never zero for what nobody saw.
    """

    t: list[datetime] = strawberry.field(description="Beginnings of the buckets.")
    efficiency: list[float | None] = strawberry.field(
        description="Exclusive person time in WORK zones ÷ exclusive person time in all zones."
    )
    utilisation: list[float | None] = strawberry.field(description="Occupied ÷ observed time, over all zones.")
    capacity_use: list[float | None] = strawberry.field(
        description="Person time ÷ (capacity * observed time), over the zones with a capacity."
    )
    coverage: list[float | None] = strawberry.field(
        description="Observed ÷ scheduled time of the cameras with zones. Scheduled are the shifts up to now."
    )
    weak: list[bool] = strawberry.field(description="Coverage below 0.8 or unknown: do not rely on the numbers.")
    complete: list[bool] = strawberry.field(description="The bucket ends at or before the watermark: it is final.")
    work_ms: list[float | None] = strawberry.field(description="Exclusive person time in WORK zones.")
    present_ms: list[float | None] = strawberry.field(description="Exclusive person time in all zones.")
    observed_ms: list[float]
    scheduled_ms: list[float]
    restated_at: list[datetime | None] = strawberry.field(description=RESTATED_AT)
    total: EfficiencyTotal
    zones: list[ZoneUse]
    zones_revisions: list[CameraRevisions]
    bucket: timedelta | None = strawberry.field(description="Length of the buckets; null for calendar units.")
    calendar: CalendarUnit | None = strawberry.field(description="Unit of the buckets on the site's clock.")
    watermark: datetime | None = strawberry.field(
        description="Up to when the minutes of all cameras are final; null while one has none."
    )
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Buckets:
    """How a range is to be cut: by a length, or by a calendar unit; hours unless said."""

    length: timedelta | None = None
    calendar: CalendarUnit | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What the measures are computed from: which facts, and which shifts (None: the sites' own)."""

    facts: Facts = AsOf.CURRENT
    shifts: Mapping[str, Any] | None = None


async def efficiency_series(
    services: Services,
    site_id: str | None,
    camera_ids: Sequence[str] | None,
    span: TimeRange,
    wanted: Buckets,
    *,
    basis: Basis = Basis(),
) -> EfficiencySeries:
    """The measures of a site's cameras, or of some cameras, in buckets.

    Raises:
        BadInputError: not exactly one of site and cameras, an impossible range or bucket, or days of several time zones.
        NotFoundError: no such site or camera.
    """
    minutes, now = whole_minutes(span), services.now()
    cut = _cut(minutes, wanted)
    zones, asked = await _cameras(services, site_id, camera_ids, minutes, basis.facts)
    if wanted.calendar:
        cut = [minutes.start, *await _calendar(services, wanted.calendar, zones, minutes), minutes.stop]
    measured = [str(row["camera_id"]) for row in asked if row["has_zones"]]
    final_to = await services.database.run(watermark, measured)
    query = EfficiencyQuery(
        camera_ids=measured, edges=cut, now=floor_minute(now), facts=basis.facts, shifts=basis.shifts
    )
    rows = await services.database.run(measures, query)
    return _series(rows, asked, cut, wanted, final_to=final_to, now=now)


def _cut(span: TimeRange, wanted: Buckets) -> list[datetime]:
    if wanted.calendar is None:
        return edges(span, HOUR if wanted.length is None else wanted.length)
    if wanted.length is not None:
        raise BadInputError("Name either the length of the buckets or a calendar unit.")
    check_calendar(span, wanted.calendar)
    return []


async def _calendar(services: Services, unit: CalendarUnit, zones: set[str], span: TimeRange) -> list[datetime]:
    if len(zones) > 1:
        raise BadInputError(f"The cameras are in several time zones: {', '.join(sorted(zones))}. Ask for one site.")
    (zone,) = zones
    return await services.database.run(calendar_starts, unit, zone, (span.start, span.stop))


async def _cameras(
    services: Services, site_id: str | None, camera_ids: Sequence[str] | None, span: TimeRange, facts: Facts
) -> tuple[set[str], Sequence[RowMapping]]:
    if (site_id is None) == (camera_ids is None):
        raise BadInputError("Name either a site or cameras.")
    run = services.database.run
    sites = await run(sites_by_id, [site_id]) if site_id is not None else []
    if site_id is not None and not sites:
        raise NotFoundError(f"There is no site {site_id!r}.")
    found = await run(cameras_asked, site_id, camera_ids, (span.start, span.stop), facts)
    missing = set(camera_ids or ()) - {row["camera_id"] for row in found}
    if missing:
        raise NotFoundError(f"There is no camera {min(missing)!r}.")
    return {str(row["time_zone"]) for row in [*sites, *found]} or {"UTC"}, found


def _series(
    rows: Sequence[RowMapping],
    asked: Sequence[RowMapping],
    cut: Sequence[datetime],
    wanted: Buckets,
    *,
    final_to: datetime | None,
    now: datetime,
) -> EfficiencySeries:
    total, *by_bucket = [row for row in rows if row["zone_id"] is None]
    complete = [final_to is not None and stop <= final_to for stop in cut[1:]]
    names = ("efficiency", "utilisation", "capacity_use", "coverage", "weak",
             "work_ms", "present_ms", "observed_ms", "scheduled_ms", "restated_at")  # fmt: skip
    return EfficiencySeries(
        t=list(cut[:-1]),
        complete=complete,
        **{name: [row[name] for row in by_bucket] for name in names},
        total=EfficiencyTotal(complete=complete[-1], **{name: total[name] for name in names}),
        zones=_zone_uses(rows, len(complete)),
        zones_revisions=[
            CameraRevisions(camera_id=row["camera_id"], revisions=row["revisions"]) for row in asked if row["has_zones"]
        ],
        bucket=None if wanted.calendar else wanted.length or HOUR,
        calendar=wanted.calendar,
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
        *,
        range: TimeRange,  # noqa: A002 - the argument's public name
        site_id: strawberry.ID | None = None,
        camera_ids: list[strawberry.ID] | None = None,
        bucket: timedelta | None = None,
        calendar: CalendarUnit | None = None,
        as_of: AsOf = AsOf.CURRENT,
    ) -> EfficiencySeries:
        """The measures of a site, or of some cameras, over the scheduled UTC minutes that begin in the range.

        Buckets have the length `bucket`, from the beginning of the range (an hour unless said), or are units of a
        `calendar` on the site's clock.
        """
        services, buckets = info.context.services, Buckets(bucket, calendar)
        return await efficiency_series(services, site_id, camera_ids, range, buckets, basis=Basis(as_of))
