"""What every event stream of the schema has in common: who may see which cameras, cursors, Heartbeat and CaughtUp."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import strawberry

from graphql_api import event_stream
from graphql_api.access.rules import Action, sites_for
from graphql_api.context import Context
from graphql_api.described import output
from graphql_api.event_stream import Item, Joined, Reader, Source, follow, go_on
from graphql_api.sql.streams import camera_sites
from schemas.events import Derived

E = TypeVar("E", bound=Derived)
T = TypeVar("T")

AFTER_CURSOR = "Subscribe `after` it to go on behind this."


@output
class Heartbeat:
    """Nothing to tell; sent so that a client knows the stream is alive, and gets a newer cursor."""

    cursor: str = strawberry.field(description=AFTER_CURSOR)
    at: datetime


@output
class CaughtUp:
    """All that was there when the client subscribed has been told; what follows is news."""

    cursor: str = strawberry.field(description=AFTER_CURSOR)
    lag_ms: int = strawberry.field(description="For how long the live topics could not be followed; 0: all is current.")


async def visible_cameras(context: Context, action: Action) -> Callable[[str], bool]:
    """Whether the one who asks may do this with a camera, by the site it is at when the rule is asked."""
    allowed = sites_for(context.principal.scope, action)
    if allowed is None:
        return lambda _: True
    sites = context.services.live.sites
    sites.load(await context.services.database.run(camera_sites))
    return lambda camera_id: sites.of(camera_id) in allowed


async def told(
    context: Context, source: Source[E], action: Action, camera_ids: Sequence[str] | None, after: str | None
) -> AsyncIterator[Item[E]]:
    """The items of a stream for the one who asks, of these cameras (None: all)."""
    visible = await visible_cameras(context, action)
    wanted = None if camera_ids is None else frozenset(camera_ids)
    reader = Reader(
        filter_key=filter_key(camera_ids),
        wants=lambda camera_id: (wanted is None or camera_id in wanted) and visible(camera_id),
        camera_ids=None if wanted is None else sorted(wanted),
        heartbeat_s=context.services.settings.heartbeat_s,
    )
    begin, database = context.sharing.begin, context.services.database
    current = isinstance(begin, Joined)
    items = (
        go_on(source, database, reader, begin) if isinstance(begin, Joined) else follow(source, database, reader, after)
    )
    async for item in items:
        current = current or isinstance(item.told, event_stream.CaughtUp)
        context.sharing.reached = item.joined if current else None
        yield item


def shown(context: Context, item: Item[E], event: Callable[[str, E], T]) -> T | Heartbeat | CaughtUp:
    """An item as the schema shows it; `event(cursor, told)` makes what the stream is about."""
    match item.told:
        case event_stream.Heartbeat():
            return Heartbeat(cursor=item.cursor, at=context.services.now())
        case event_stream.CaughtUp():
            return CaughtUp(cursor=item.cursor, lag_ms=context.services.live.lag_ms)
        case news:
            return event(item.cursor, news)


def filter_key(camera_ids: Sequence[str] | None) -> str:
    """What a cursor remembers of the cameras asked for."""
    text = json.dumps(None if camera_ids is None else sorted(set(camera_ids)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
