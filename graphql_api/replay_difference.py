"""What a replay run changes: amounts by zone and hour, and visit by visit. It was computed when the run was finished."""

from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Services
from graphql_api.described import output
from graphql_api.pagination import Connection, Keyset, checked_first
from graphql_api.sql.replay_runs import hour_differences, visit_differences

HOURS = Keyset("replayHours", number=int)
VISITS = Keyset("replayVisits", number=int)
MS = timedelta(milliseconds=1)


@strawberry.enum(
    description="ADDED and REMOVED: on one side only; LONGER and SHORTER: by dwell; MOVED: as long, at another time."
)
class VisitChange(StrEnum):
    """What became of a visit."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    LONGER = "LONGER"
    SHORTER = "SHORTER"
    MOVED = "MOVED"


@output
class ZoneAmounts:
    """Sums over minutes, and over the visits entered; visits that are still open add no dwell."""

    person_ms: float
    exclusive_person_ms: float
    occupied_ms: float
    observed_ms: float
    entries: float
    exits: float
    visits: float
    dwell_ms: float


@output
class AmountsDifference:
    """Amounts as they held, under the run, and the second less the first."""

    before: ZoneAmounts
    after: ZoneAmounts
    difference: ZoneAmounts


@output
class ZoneHourDifference:
    """A zone in one UTC hour."""

    camera_id: strawberry.ID
    zone_id: strawberry.ID
    hour: datetime
    before: ZoneAmounts | None = strawberry.field(description="Null: nothing was known of the zone in that hour.")
    after: ZoneAmounts | None = strawberry.field(description="Null: the run knows nothing of the zone in that hour.")
    difference: ZoneAmounts = strawberry.field(description="After less before; what is not known adds nothing.")


@output
class VisitTimes:
    """A visit on one side."""

    track_no: strawberry.ID
    entered_at: datetime
    exited_at: datetime | None = strawberry.field(description="Null: still open.")
    dwell_ms: float | None


@output
class VisitDifference:
    """A visit that is not the same under the run."""

    change: VisitChange
    camera_id: strawberry.ID
    zone_id: strawberry.ID
    before: VisitTimes | None
    after: VisitTimes | None


@output
class ChangedVisits:
    """How many visits changed in this way."""

    change: VisitChange
    visits: int


def changed_visits(summary: dict[str, Any]) -> list[ChangedVisits]:
    """How many visits changed, by change; none for a change that did not occur."""
    counts: dict[str, int] = summary["changes"]
    return [ChangedVisits(change=each, visits=counts[each]) for each in VisitChange if each in counts]


def total(summary: dict[str, Any]) -> AmountsDifference:
    """All zones and hours together."""
    before, after = ZoneAmounts(**summary["before"]), ZoneAmounts(**summary["after"])
    return AmountsDifference(before=before, after=after, difference=_difference(before, after))


async def hours_page(services: Services, run_id: str, first: int, after: str | None) -> Connection[ZoneHourDifference]:
    """A page of zones and hours, by camera, zone and hour."""
    limit = checked_first(first) + 1
    found = await services.database.run(hour_differences, run_id, HOURS.after(after), limit)
    return HOURS.page(found, [_hour(row) for row in found], first, after)


async def visits_page(
    services: Services, run_id: str, change: VisitChange | None, first: int, after: str | None
) -> Connection[VisitDifference]:
    """A page of visits, by camera, zone and time."""
    limit = checked_first(first) + 1
    found = await services.database.run(visit_differences, run_id, change, VISITS.after(after), limit)
    return VISITS.page(found, [_visit(row) for row in found], first, after)


def _hour(row: RowMapping) -> ZoneHourDifference:
    before, after = (None if row[side] is None else ZoneAmounts(**row[side]) for side in ("before", "after"))
    place = {name: row[name] for name in ("camera_id", "zone_id", "hour")}
    return ZoneHourDifference(**place, before=before, after=after, difference=_difference(before, after))


def _difference(before: ZoneAmounts | None, after: ZoneAmounts | None) -> ZoneAmounts:
    names = [field.name for field in fields(ZoneAmounts)]
    return ZoneAmounts(**{name: getattr(after, name, 0) - getattr(before, name, 0) for name in names})


def _visit(row: RowMapping) -> VisitDifference:
    return VisitDifference(
        change=VisitChange(row["change"]),
        camera_id=row["camera_id"],
        zone_id=row["zone_id"],
        before=_times(row, "before"),
        after=_times(row, "after"),
    )


def _times(row: RowMapping, side: str) -> VisitTimes | None:
    track_no, entered_at, exited_at = (row[f"{side}_{name}"] for name in ("track_no", "entered_at", "exited_at"))
    if track_no is None:
        return None
    dwell_ms = None if exited_at is None else (exited_at - entered_at) // MS
    return VisitTimes(
        track_no=strawberry.ID(str(track_no)), entered_at=entered_at, exited_at=exited_at, dwell_ms=dwell_ms
    )
