"""Zone visits: one track in one zone, with the bounds within which it came and went."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import RowMapping

from graphql_api.as_of import RESTATED_AT, AsOf
from graphql_api.cameras import Camera, camera_of
from graphql_api.context import Context, Info
from graphql_api.described import output, payload, resolved
from graphql_api.nodes import KeyedNode, key_parts, node_key
from graphql_api.pagination import DEFAULT_FIRST, Connection, Keyset, checked_first
from graphql_api.sql.visits import VisitQuery as VisitSql
from graphql_api.sql.visits import visit, visits_page
from graphql_api.time_range import TimeRange, checked
from graphql_api.tracks import track_number
from graphql_api.zones import Zone, zone_of

VISITS = Keyset("zoneVisits", entered_at=datetime, camera_id=str, track_no=int, zone_id=str)


@strawberry.enum(description="How a visit began: across the border, with the track, or with the zone.")
class EntryReason(StrEnum):
    """How a visit began."""

    CROSSED = "CROSSED"
    TRACK_STARTED = "TRACK_STARTED"
    ZONE_CHANGED = "ZONE_CHANGED"
    OTHER = "OTHER"


@strawberry.enum(description="How a visit ended: across the border, with the track, the camera or the zone.")
class ExitReason(StrEnum):
    """How a visit ended."""

    LEFT = "LEFT"
    TRACK_ENDED = "TRACK_ENDED"
    CAMERA_LOST = "CAMERA_LOST"
    ZONE_CHANGED = "ZONE_CHANGED"
    DISABLED = "DISABLED"
    OTHER = "OTHER"


@output
class ZoneVisit(KeyedNode):
    """One track in one zone, from entering to leaving; bounds speak of sampling, not of identity mistakes."""

    camera_id: strawberry.ID
    track_no: strawberry.ID
    zone_id: strawberry.ID
    zones_revision: int
    entered_at: datetime
    entered_at_min: datetime | None = strawberry.field(description="Not earlier than this; null: not seen coming.")
    entered_at_max: datetime = strawberry.field(description="Not later than this.")
    entry_reason: EntryReason
    exited_at: datetime | None = strawberry.field(description="Null while the visit is open.")
    exited_at_min: datetime | None
    exited_at_max: datetime | None = strawberry.field(description="Not later than this; null: not seen going.")
    dwell_ms: float | None = strawberry.field(description="Whole milliseconds from entering to leaving.")
    exit_reason: ExitReason | None
    restated_at: datetime | None = strawberry.field(description=RESTATED_AT)

    @classmethod
    def resolve_id(cls, root: "ZoneVisit", *, info: Info) -> str:
        """Camera, track, zone and the moment of entering."""
        del info
        return node_key(root.camera_id, root.track_no, root.zone_id, root.entered_at.isoformat())

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "ZoneVisit | None":
        """The visit of this track to this zone that was entered then."""
        match key_parts(key, 4):
            case [camera_id, number, zone_id, entered] if (track_no := track_number(number)) is not None:
                entered_at = _moment(entered)
                run = info.context.services.database.run
                found = [] if entered_at is None else await run(visit, camera_id, track_no, zone_id, entered_at)
                return visit_of(found[0]) if found else None
        return None

    @resolved
    async def camera(self, info: Info) -> Camera | None:
        """The camera that saw it."""
        row = await info.context.cameras.load(self.camera_id)
        return camera_of(row) if row else None

    @resolved
    async def zone(self, info: Info) -> Zone | None:
        """The zone as it was then."""
        row = await info.context.zones.load((self.camera_id, self.zone_id, self.zones_revision))
        return zone_of(row) if row else None


@payload
class VisitFilter:
    """Which visits; what is left out does not restrict."""

    site_id: strawberry.ID | None = None
    camera_ids: list[strawberry.ID] | None = None
    zone_ids: list[strawberry.ID] | None = None
    open: bool | None = strawberry.field(default=None, description="True: still open; false: closed.")
    min_dwell_ms: int | None = strawberry.field(default=None, description="Closed visits at least this long.")


def visit_of(row: RowMapping) -> ZoneVisit:
    """The visit in a row."""
    fields: dict[str, Any] = dict(row)
    return ZoneVisit(track_no=strawberry.ID(str(fields.pop("track_no"))), **fields)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def sql_query(span: TimeRange, wanted: VisitFilter | None, as_of: AsOf) -> VisitSql:
    """What to ask the database."""
    wanted = wanted or VisitFilter()
    return VisitSql(
        start=span.start,
        stop=span.stop,
        site_id=wanted.site_id,
        camera_ids=None if wanted.camera_ids is None else [str(camera_id) for camera_id in wanted.camera_ids],
        zone_ids=None if wanted.zone_ids is None else [str(zone_id) for zone_id in wanted.zone_ids],
        is_open=wanted.open,
        min_dwell_ms=wanted.min_dwell_ms,
        as_of=as_of,
    )


async def visits_connection(
    context: Context, span: TimeRange, wanted: VisitFilter | None, first: int, after: str | None, *, as_of: AsOf
) -> Connection[ZoneVisit]:
    """A page of visits entered in the range, newest first."""
    query, limit = sql_query(checked(span), wanted, as_of), checked_first(first) + 1
    found = await context.services.database.run(visits_page, query, VISITS.after(after), limit)
    return VISITS.page(found, [visit_of(row) for row in found], first, after)


@strawberry.type
class ZoneVisitQuery:
    """Queries about zone visits."""

    @resolved
    async def zone_visits(
        self,
        info: Info,
        range: TimeRange,  # noqa: A002 - the argument's public name
        filter: VisitFilter | None = None,  # noqa: A002 - the argument's public name
        first: int = DEFAULT_FIRST,
        after: str | None = None,
        *,
        as_of: AsOf = AsOf.CURRENT,
    ) -> Connection[ZoneVisit]:
        """Visits entered in the range, newest first."""
        return await visits_connection(info.context, range, filter, first, after, as_of=as_of)
