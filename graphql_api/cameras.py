"""Cameras: what they are called, how they are folded, how they are doing, and their zones."""

from datetime import datetime
from enum import StrEnum

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Context, Info
from graphql_api.described import output, resolved
from graphql_api.nodes import KeyedNode
from graphql_api.pagination import DEFAULT_FIRST, Connection, Keyset, checked_first
from graphql_api.sites import Site
from graphql_api.sql.cameras import cameras_page
from graphql_api.zones import Line, Point, Zone, line_of, points_of, zone_of

CAMERAS = Keyset("cameras", camera_id=str)


@strawberry.enum(
    description="STREAMING: frames arrive; SILENT: none for a while, they may still be on their way; "
    "LOST: the edge lost the camera; DISABLED; OTHER: not heard of yet."
)
class CameraStatus(StrEnum):
    """A camera's live status."""

    STREAMING = "STREAMING"
    SILENT = "SILENT"
    LOST = "LOST"
    DISABLED = "DISABLED"
    OTHER = "OTHER"


@output
class RefusedFrames:
    """Frames of a camera that were not folded, by reason."""

    reason: str
    frames: float


@output
class Camera(KeyedNode):
    """A camera as its log was last folded."""

    camera_id: strawberry.ID
    site_id: strawberry.ID
    name: str
    enabled: bool
    revision: int = strawberry.field(description="Counts the camera's configurations; 0: never configured.")
    max_gap_ms: int = strawberry.field(description="Frames further apart leave a gap: its time is not observed.")
    track_timeout_ms: int = strawberry.field(description="A track lost for this long has ended when last seen.")
    zones_revision: int = strawberry.field(description="Counts the camera's zone sets; 0: none yet.")
    status: CameraStatus
    status_reason: str
    last_seen_at: datetime | None = strawberry.field(description="Event time of the last accepted frame.")
    width: int | None = strawberry.field(description="Of its frames, in pixels.")
    height: int | None
    source: str = strawberry.field(description="Address its edge is to read; empty: the edge's own settings decide.")
    credentials: str = strawberry.field(description="Name of the secret its edge is to use; never the secret.")
    target_fps: float | None = strawberry.field(
        description="Detections a second; null: the edge's own settings decide."
    )
    masks: list[list[Point]] = strawberry.field(description="Privacy masks, blackened before detection.")
    applied_revision: int = strawberry.field(description="The revision its edge spoke of last; 0: it said nothing yet.")
    applied_error: str = strawberry.field(description="Why the edge could not apply that revision; empty: it did.")
    applied_at: datetime | None = strawberry.field(description="When the edge said so, by its own clock.")
    frames_accepted: float = strawberry.field(description="Frames folded so far; a whole number.")
    frames_refused: list[RefusedFrames]

    @classmethod
    def resolve_id(cls, root: "Camera", *, info: Info) -> str:
        """The camera's own id."""
        del info
        return root.camera_id

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "Camera | None":
        """The camera with this id."""
        return await one_camera(info.context, key)

    @resolved
    async def site(self, info: Info) -> Site | None:
        """The site it belongs to; null when no site has that id."""
        row = await info.context.sites.load(self.site_id)
        return Site(**row) if row else None

    @resolved
    async def zones(self, info: Info) -> list[Zone]:
        """Its zones in force, by id."""
        return [zone_of(row) for row in await info.context.zones_in_force.load(self.camera_id)]

    @resolved
    async def lines(self, info: Info) -> list[Line]:
        """Its counting lines in force, by id."""
        return [line_of(row) for row in await info.context.lines_in_force.load(self.camera_id)]


def camera_of(row: RowMapping) -> Camera:
    """The camera in a row."""
    fields = dict(row)
    refused = fields.pop("refused")
    return Camera(
        frames_accepted=fields.pop("accepted"),
        masks=[points_of(mask) for mask in fields.pop("masks")],
        frames_refused=[RefusedFrames(reason=reason, frames=count) for reason, count in sorted(refused.items())],
        **fields,
    )


async def one_camera(context: Context, camera_id: str) -> Camera | None:
    """The camera with this id."""
    row = await context.cameras.load(camera_id)
    return camera_of(row) if row else None


async def camera_page(context: Context, site_id: str | None, first: int, after: str | None) -> Connection[Camera]:
    """A page of the cameras of a site, or of all."""
    limit = checked_first(first) + 1
    found = await context.services.database.run(cameras_page, site_id, CAMERAS.after(after), limit)
    return CAMERAS.page(found, [camera_of(row) for row in found], first, after)


@strawberry.type
class CameraQuery:
    """Queries about cameras."""

    @resolved
    async def camera(self, info: Info, camera_id: strawberry.ID) -> Camera | None:
        """The camera with this id."""
        return await one_camera(info.context, camera_id)

    @resolved
    async def cameras(
        self, info: Info, site_id: strawberry.ID | None = None, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Camera]:
        """The cameras of a site, or of all, by id."""
        return await camera_page(info.context, site_id, first, after)
