"""Tracks: one person in one camera without a break."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import RowMapping

from graphql_api.as_of import RESTATED_AT
from graphql_api.cameras import Camera, camera_of
from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.errors import BadInputError
from graphql_api.nodes import KeyedNode, key_parts, node_key
from graphql_api.pagination import DEFAULT_FIRST, MAX_BIGINT, Connection, Keyset, checked_first
from graphql_api.sql.track_positions import PathKey
from graphql_api.sql.tracks import track, tracks_page
from graphql_api.time_range import TimeRange, checked

MIN_POINTS, MAX_POINTS = 2, 1_000
TRACKS = Keyset("tracks", started_at=datetime, track_no=int)


@strawberry.enum(description="Why a track ended.")
class TrackEndReason(StrEnum):
    """Why a track ended."""

    TIMEOUT = "TIMEOUT"
    GAP = "GAP"
    CAMERA_LOST = "CAMERA_LOST"
    DISABLED = "DISABLED"
    OTHER = "OTHER"


@output
class TrackPath:
    """Where a track's feet were, as columns of equal length; x and y in 0..1 of the picture, x may lie outside."""

    t: list[datetime]
    x: list[float]
    y: list[float]


@output
class Track(KeyedNode):
    """One person in one camera without a break."""

    camera_id: strawberry.ID
    track_no: strawberry.ID = strawberry.field(description="Unique within the camera.")
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None = strawberry.field(description="When last seen; null while the track may go on.")
    end_reason: TrackEndReason | None
    observations: float = strawberry.field(description="Frames it was matched in; 0 while it may go on.")
    restated_at: datetime | None = strawberry.field(description=RESTATED_AT)

    @classmethod
    def resolve_id(cls, root: "Track", *, info: Info) -> str:
        """Camera and number."""
        del info
        return node_key(root.camera_id, root.track_no)

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "Track | None":
        """The track of this camera with this number."""
        match key_parts(key, 2):
            case [camera_id, number] if (track_no := track_number(number)) is not None:
                found = await info.context.services.database.run(track, camera_id, track_no)
                return track_of(found[0]) if found else None
        return None

    @resolved
    async def camera(self, info: Info) -> Camera | None:
        """The camera that saw it."""
        row = await info.context.cameras.load(self.camera_id)
        return camera_of(row) if row else None

    @resolved
    async def path(self, info: Info, max_points: int = 200) -> TrackPath:
        """Where it went, from at most one position a second; empty once positions are no longer kept."""
        if not MIN_POINTS <= max_points <= MAX_POINTS:
            raise BadInputError(f"`maxPoints` must be {MIN_POINTS} to {MAX_POINTS}, not {max_points}.")
        stop = self.ended_at or self.last_seen_at
        rows = await info.context.paths.load(
            PathKey(self.camera_id, int(self.track_no), self.started_at, stop, max_points)
        )
        return TrackPath(t=[row["t"] for row in rows], x=[row["x"] for row in rows], y=[row["y"] for row in rows])


def track_of(row: RowMapping) -> Track:
    """The track in a row."""
    fields: dict[str, Any] = dict(row)
    return Track(track_no=strawberry.ID(str(fields.pop("track_no"))), **fields)


def track_number(text: str) -> int | None:
    """The number in a track's id; None when the database could hold no such number."""
    return int(text) if text.isdecimal() and text.isascii() and int(text) <= MAX_BIGINT else None


@strawberry.type
class TrackQuery:
    """Queries about tracks."""

    @resolved
    async def tracks(
        self,
        info: Info,
        camera_id: strawberry.ID,
        range: TimeRange,  # noqa: A002 - the argument's public name
        first: int = DEFAULT_FIRST,
        after: str | None = None,
    ) -> Connection[Track]:
        """The tracks of a camera that began in the range, newest first."""
        span, limit = checked(range), checked_first(first) + 1
        found = await info.context.services.database.run(
            tracks_page, camera_id, (span.start, span.stop), TRACKS.after(after), limit
        )
        return TRACKS.page(found, [track_of(row) for row in found], first, after)
