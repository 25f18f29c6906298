"""Zone minutes: the final figures of one zone, minute by minute, as columns."""

from datetime import datetime, timedelta
from typing import Any

import strawberry

from graphql_api.as_of import RESTATED_AT, AsOf
from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.errors import RangeError
from graphql_api.sql.minutes import zone_minutes
from graphql_api.time_range import MAX_BUCKETS, MINUTE, TimeRange, whole_minutes

_COLUMNS = (
    "t", "zones_revision", "person_ms", "exclusive_person_ms", "occupied_ms", "observed_ms", "frames", "peak",
    "entries", "exits", "starts", "ends", "visits_closed", "dwell_ms_sum", "dwell_ms_max", "restated_at",
)  # fmt: skip


@output
class ZoneMinutes:
    """Columns of equal length, one element per minute observed; a minute that is missing is unknown, not empty."""

    camera_id: strawberry.ID
    zone_id: strawberry.ID
    t: list[datetime] = strawberry.field(description="Beginnings of the UTC minutes.")
    zones_revision: list[int] = strawberry.field(description="The newest revision in force in the minute.")
    person_ms: list[float] = strawberry.field(description="Integral of occupancy over the observed time.")
    exclusive_person_ms: list[float] = strawberry.field(description="The same, each person given to one zone only.")
    occupied_ms: list[float] = strawberry.field(description="Observed time with anyone inside.")
    observed_ms: list[float] = strawberry.field(description="Time in which the camera was watched without a gap.")
    frames: list[int]
    peak: list[int] = strawberry.field(description="The most people inside at once.")
    entries: list[int] = strawberry.field(description="Visits entered across the border.")
    exits: list[int] = strawberry.field(description="Visits left across the border.")
    starts: list[int] = strawberry.field(description="Visits begun without a crossing seen.")
    ends: list[int] = strawberry.field(description="Visits ended without a crossing seen.")
    visits_closed: list[int]
    dwell_ms_sum: list[float] = strawberry.field(description="Sum of the dwell of the visits closed.")
    dwell_ms_max: list[float] = strawberry.field(description="The longest of them; 0 without any.")
    restated_at: list[datetime | None] = strawberry.field(description=RESTATED_AT)


def _checked_length(span: TimeRange) -> TimeRange:
    minutes = whole_minutes(span)
    if minutes.stop - minutes.start > MAX_BUCKETS * MINUTE:
        longest = timedelta(minutes=MAX_BUCKETS)
        raise RangeError(f"The range is longer than {MAX_BUCKETS} minutes ({longest}). Ask for part of it.")
    return minutes


@strawberry.type
class ZoneMinuteQuery:
    """Queries about zone minutes."""

    @resolved
    async def zone_minutes(
        self,
        info: Info,
        camera_id: strawberry.ID,
        zone_id: strawberry.ID,
        range: TimeRange,  # noqa: A002 - the argument's public name
        as_of: AsOf = AsOf.CURRENT,
    ) -> ZoneMinutes:
        """The final minutes of a zone that begin in the range, at most 2,000 of them; revisions in a minute add up."""
        span = _checked_length(range)
        run = info.context.services.database.run
        rows = await run(zone_minutes, camera_id, zone_id, (span.start, span.stop), as_of)
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in _COLUMNS}
        return ZoneMinutes(camera_id=camera_id, zone_id=zone_id, **columns)
