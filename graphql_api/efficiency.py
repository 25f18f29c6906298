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

from graphql_api.access.groups import Row, withheld
from graphql_api.as_of import RESTATED_AT, AsOf
from graphql_api.context import Info, Services
from graphql_api.described import output, resolved
from graphql_api.errors import BadInputError, NotFoundError
from graphql_api.selection import selects
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
    weak: list[bool] = strawberry.field(
        description="Coverage below 0.8 or unknown, or fewer than 0.8 frames a second: do not rely on the numbers."
    )
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
    """What the measures are computed from: which facts, and which shifts (None: the sites' own).

    Numbers about fewer than `group_of` persons are withheld.
    """

    facts: Facts = AsOf.CURRENT
    shifts: Mapping[str, Any] | None = None
    group_of: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of some cameras as rows of the database, and what they were asked for."""

    rows: Sequence[Row]
    cameras: Sequence[RowMapping]
    cut: Sequence[datetime]
    wanted: Buckets
    final_to: datetime | None
    now: datetime

    @property
    def total(self) -> Row:
        """All zones over the whole range."""
        return next(row for row in self.rows if row["zone_id"] is None)

    @property
    def by_bucket(self) -> list[Row]:
        """All zones by bucket."""
        return [row for row in self.rows if row["zone_id"] is None and row["bucket"] != _TOTAL]

    @property
    def complete(self) -> list[bool]:
        """Whether each bucket is final."""
        return [self.final_to is not None and stop <= self.final_to for stop in self.cut[1:]]

    @property
    def revisions(self) -> list[CameraRevisions]:
        """Which zone sets were in force."""
        known = [row for row in self.cameras if row["has_zones"]]
        return [CameraRevisions(camera_id=row["camera_id"], revisions=row["revisions"]) for row in known]

    @property
    def bucket(self) -> timedelta | None:
        """The length of the buckets; None for calendar units."""
        return None if self.wanted.calendar else self.wanted.length or HOUR

    def zones(self) -> dict[tuple[str, str], list[Row | None]]:
        """By camera and zone, its row over the whole range and those of the buckets; None where it has none."""
        by_key = {
            (row["camera_id"], row["zone_id"], row["bucket"]): row for row in self.rows if row["zone_id"] is not None
        }
        zones = [key[:2] for key in by_key if key[2] == _TOTAL]
        return {zone: [by_key.get((*zone, bucket)) for bucket in range(_TOTAL, len(self.cut))] for zone in zones}


async def efficiency_series(
    services: Services,
    site_id: str | None,
    camera_ids: Sequence[str] | None,
    span: TimeRange,
    wanted: Buckets,
    *,
    basis: Basis = Basis(),
    by_zone: bool = True,
) -> EfficiencySeries:
    """The measures of a site's cameras, or of some cameras, in buckets, and of each zone; errors as `measured` says."""
    return _series(await measured(services, site_id, camera_ids, span, wanted, basis=basis, by_zone=by_zone))


async def measured(
    services: Services,
    site_id: str | None,
    camera_ids: Sequence[str] | None,
    span: TimeRange,
    wanted: Buckets,
    *,
    basis: Basis = Basis(),
    by_zone: bool = True,
) -> Measured:
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
    seen = [str(row["camera_id"]) for row in asked if row["has_zones"]]
    final_to = await services.database.run(watermark, seen)
    query = EfficiencyQuery(
        camera_ids=seen,
        edges=cut,
        now=floor_minute(now),
        facts=basis.facts,
        shifts=basis.shifts,
        by_zone=by_zone or basis.group_of > 1,  # groups are judged zone by zone
    )
    rows = await services.database.run(measures, query)
    return Measured(withheld(rows, basis.group_of), asked, cut, wanted, final_to, now)


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


def column(rows: Sequence[Row | None], name: str) -> list[Any]:
    """One value of each row; None where there is no row."""
    return [None if row is None else row[name] for row in rows]


def _series(found: Measured) -> EfficiencySeries:
    names = ("efficiency", "utilisation", "capacity_use", "coverage", "weak",
             "work_ms", "present_ms", "observed_ms", "scheduled_ms", "restated_at")  # fmt: skip
    return EfficiencySeries(
        t=list(found.cut[:-1]),
        complete=found.complete,
        **{name: [row[name] for row in found.by_bucket] for name in names},
        total=EfficiencyTotal(complete=found.complete[-1], **{name: found.total[name] for name in names}),
        zones=[_zone_use(zone, rows) for zone, rows in found.zones().items()],
        zones_revisions=found.revisions,
        bucket=found.bucket,
        calendar=found.wanted.calendar,
        watermark=found.final_to,
        as_of=found.now,
    )


def _zone_use(zone: tuple[str, str], rows: Sequence[Row | None]) -> ZoneUse:
    total_utilisation, *utilisation = column(rows, "utilisation")
    total_capacity_use, *capacity_use = column(rows, "capacity_use")
    return ZoneUse(
        camera_id=strawberry.ID(zone[0]),
        zone_id=strawberry.ID(zone[1]),
        total_utilisation=total_utilisation,
        total_capacity_use=total_capacity_use,
        utilisation=utilisation,
        capacity_use=capacity_use,
    )


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
        basis = Basis(as_of, group_of=info.context.group_of)
        zones = selects(info, "zones")
        return await efficiency_series(services, site_id, camera_ids, range, buckets, basis=basis, by_zone=zones)
