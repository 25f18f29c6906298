"""The subscription cameraEvents: what cameras say of their configuration and state, in order, with a cursor to resume from."""

from collections.abc import AsyncIterator
from typing import Annotated, TypeAlias

import msgspec
import strawberry
from strawberry.scalars import JSON

from graphql_api.access.rules import Action
from graphql_api.context import Info
from graphql_api.described import output, stream
from graphql_api.stream_items import AFTER_CURSOR, CaughtUp, Heartbeat, shown, told
from graphql_api.visit_stream import event_id
from schemas.events import CameraEvent as CameraRecord

_NOT_TOLD = frozenset({"type", "camera_id", "position", "command_id", "source", "credentials", "issued_by"})


@output
class CameraEvent:
    """One record of the topic camera-events; docs/events.md says what the details of each type mean."""

    cursor: str = strawberry.field(description=AFTER_CURSOR)
    event_id: strawberry.ID = strawberry.field(description="The event's own id: the same however often it is sent.")
    camera_id: strawberry.ID
    type: str = strawberry.field(description="Name of the record, such as ZonesDefined; more may come.")
    command_id: strawberry.ID | None = strawberry.field(description="Of the command that this answers.")
    details: JSON = strawberry.field(description="The record's other fields, as docs/events.md names them.")


CameraStreamEvent: TypeAlias = Annotated[
    CameraEvent | CaughtUp | Heartbeat,
    strawberry.union("CameraStreamEvent", description="What the stream of camera events carries."),
]


def camera_event(cursor: str, event: CameraRecord) -> CameraEvent:
    """A record of the topic as the schema shows it; where the camera's picture comes from is not told."""
    fields = msgspec.to_builtins(event)
    command_id = fields.get("command_id")
    return CameraEvent(
        cursor=cursor,
        event_id=strawberry.ID(event_id(event)),
        camera_id=strawberry.ID(event.camera_id),
        type=fields["type"],
        command_id=None if command_id is None else strawberry.ID(command_id),
        details=JSON({key: value for key, value in fields.items() if key not in _NOT_TOLD}),
    )


@strawberry.type
class CameraEventSubscription:
    """The subscription to camera events."""

    @stream
    async def camera_events(
        self, info: Info, camera_ids: list[strawberry.ID] | None = None, after: str | None = None
    ) -> AsyncIterator[CameraStreamEvent]:
        """EVENT stream: the answers to commands, refusals and changes of state, as zoneVisits gives visits."""
        source = info.context.services.live.camera_events
        async for item in told(info.context, source, Action.READ, camera_ids, after):
            yield shown(info.context, item, camera_event)
