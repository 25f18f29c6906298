"""The subscription zoneVisits: every entry, exit and line crossing, in order, with a cursor to resume from."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import strawberry

from graphql_api.access.rules import Action
from graphql_api.context import Info
from graphql_api.described import output, stream
from graphql_api.live import VisitEvent
from graphql_api.scalars import moment_of
from graphql_api.stream_items import AFTER_CURSOR, CaughtUp, Heartbeat, shown, told
from graphql_api.visits import EntryReason, ExitReason
from schemas import events
from schemas.events import Derived, Position


@strawberry.enum(description="ENTRY: from left to right seen from the line's first point to its second; EXIT: back.")
class Direction(StrEnum):
    """Which way a line was crossed."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"


@output
class ZoneEntered:
    """A zone visit began."""

    cursor: str = strawberry.field(description=AFTER_CURSOR)
    event_id: strawberry.ID = strawberry.field(description="The event's own id: the same however often it is sent.")
    camera_id: strawberry.ID
    track_no: strawberry.ID
    zone_id: strawberry.ID
    zones_revision: int
    entered_at: datetime
    entered_at_min: datetime | None
    entered_at_max: datetime
    entry_reason: EntryReason


@output
class ZoneExited(ZoneEntered):
    """A zone visit ended; complete in itself."""

    exited_at: datetime
    exited_at_min: datetime
    exited_at_max: datetime | None
    dwell_ms: float
    exit_reason: ExitReason


@output
class LineCrossed:
    """A track crossed a counting line and held the new side."""

    cursor: str = strawberry.field(description=AFTER_CURSOR)
    event_id: strawberry.ID = strawberry.field(description="The event's own id: the same however often it is sent.")
    camera_id: strawberry.ID
    track_no: strawberry.ID
    line_id: strawberry.ID
    zones_revision: int
    crossed_at: datetime
    crossed_at_min: datetime
    crossed_at_max: datetime
    direction: Direction


ZoneVisitEvent: TypeAlias = Annotated[
    ZoneEntered | ZoneExited | LineCrossed | CaughtUp | Heartbeat,
    strawberry.union("ZoneVisitEvent", description="What the stream of zone visits carries."),
]


def position_text(position: Position) -> str:
    """A position in the camera's log as text: epoch, partition, offset and index."""
    return f"{position.epoch}/{position.partition}/{position.offset}/{position.index}"


def event_id(event: Derived) -> str:
    """The id of an event: its camera and position."""
    return f"{event.camera_id}/{position_text(event.position)}"


def visit_event(cursor: str, event: VisitEvent) -> ZoneEntered | ZoneExited | LineCrossed:
    """An event of the topic as the schema shows it."""
    match event:
        case events.LineCrossed():
            return _line_crossed(cursor, event)
        case events.ZoneExited():
            return ZoneExited(
                **_beginning(cursor, event),
                exited_at=moment_of(event.exited_at),
                exited_at_min=moment_of(event.exited_at_min),
                exited_at_max=_maybe(event.exited_at_max),
                dwell_ms=event.dwell_ms,
                exit_reason=ExitReason(event.exit_reason),
            )
        case _:
            return ZoneEntered(**_beginning(cursor, event))


def _common(cursor: str, event: VisitEvent) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "event_id": event_id(event),
        "camera_id": event.camera_id,
        "track_no": str(event.track_no),
        "zones_revision": event.zones_revision,
    }


def _beginning(cursor: str, event: events.ZoneEntered | events.ZoneExited) -> dict[str, Any]:
    return _common(cursor, event) | {
        "zone_id": event.zone_id,
        "entered_at": moment_of(event.entered_at),
        "entered_at_min": _maybe(event.entered_at_min),
        "entered_at_max": moment_of(event.entered_at_max),
        "entry_reason": EntryReason(event.entry_reason),
    }


def _line_crossed(cursor: str, event: events.LineCrossed) -> LineCrossed:
    return LineCrossed(
        **_common(cursor, event),
        line_id=strawberry.ID(event.line_id),
        crossed_at=moment_of(event.crossed_at),
        crossed_at_min=moment_of(event.crossed_at_min),
        crossed_at_max=moment_of(event.crossed_at_max),
        direction=Direction(event.direction),
    )


def _maybe(utc_ms: int | None) -> datetime | None:
    return None if utc_ms is None else moment_of(utc_ms)


@strawberry.type
class ZoneVisitSubscription:
    """The subscription to zone visits."""

    @stream
    async def zone_visits(
        self, info: Info, camera_ids: list[strawberry.ID] | None = None, after: str | None = None
    ) -> AsyncIterator[ZoneVisitEvent]:
        """EVENT stream: each event once, in the order of its camera, from now on or after a cursor.

        `after: "earliest"` begins with the oldest that is kept. A cursor holds for the `cameraIds` it was made with.
        """
        visits = info.context.services.live.visits
        async for item in told(info.context, visits, Action.READ_PERSONS, camera_ids, after):
            yield shown(info.context, item, visit_event)
