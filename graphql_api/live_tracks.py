"""The subscription liveTracks: the newest frame of a camera as columns, never more often than asked for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from time import monotonic

import strawberry

from graphql_api.context import Info
from graphql_api.described import output, stream
from graphql_api.errors import BadInputError
from graphql_api.live import Frame
from graphql_api.scalars import moment_of
from schemas.events import TrackObservation

MAX_HZ = 60.0


@output
class ZoneCount:
    """How many people a zone holds in a frame."""

    zone_id: strawberry.ID
    people: int


@output
class LiveFrame:
    """The tracks matched in one frame, one element per track; boxes and points flattened, in 0..1 of the picture."""

    camera_id: strawberry.ID
    observed_at: datetime = strawberry.field(description="When the camera took it.")
    seq: strawberry.ID = strawberry.field(description="Number of the frame in the camera's session.")
    width: int = strawberry.field(description="Of the picture, in pixels.")
    height: int
    zones_revision: int
    track_nos: list[strawberry.ID]
    boxes: list[float] = strawberry.field(description="[x1, y1, x2, y2] for each track, clipped to the picture.")
    foot_points: list[float] = strawberry.field(
        description="[x, y] for each track: middle of the box's lower edge; x may lie outside the picture."
    )
    zone_ids: list[list[strawberry.ID]] = strawberry.field(description="Zones that hold each track in this frame.")
    zone_counts: list[ZoneCount] = strawberry.field(description="Zones with anyone inside in this frame.")
    detector_ms: float | None = strawberry.field(description="How long the detector worked on it.")


def live_frame(frame: Frame) -> LiveFrame:
    """A frame's tracks as columns."""
    event = frame.tracks
    counts = Counter(zone_id for track in event.tracks for zone_id in track.zone_ids)
    return LiveFrame(
        camera_id=strawberry.ID(event.camera_id),
        observed_at=moment_of(event.observed_at),
        seq=strawberry.ID(str(event.seq)),
        width=event.width,
        height=event.height,
        zones_revision=event.zones_revision,
        track_nos=[strawberry.ID(str(track.track_no)) for track in event.tracks],
        boxes=[value for track in event.tracks for value in _box(track, event.width, event.height)],
        foot_points=[value for track in event.tracks for value in _foot(track, event.width, event.height)],
        zone_ids=[[strawberry.ID(zone_id) for zone_id in track.zone_ids] for track in event.tracks],
        zone_counts=[ZoneCount(zone_id=strawberry.ID(zone), people=n) for zone, n in sorted(counts.items())],
        detector_ms=frame.detector_ms,
    )


def _box(track: TrackObservation, width: int, height: int) -> tuple[float, float, float, float]:
    return _clip(track.x1 / width), _clip(track.y1 / height), _clip(track.x2 / width), _clip(track.y2 / height)


def _foot(track: TrackObservation, width: int, height: int) -> tuple[float, float]:
    return (track.x1 + track.x2) / 2 / width, _clip(track.y2 / height)


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)


@strawberry.type
class LiveTracksSubscription:
    """The subscription to live tracks."""

    @stream
    async def live_tracks(self, info: Info, camera_id: strawberry.ID, max_hz: float = 10.0) -> AsyncIterator[LiveFrame]:
        """STATE stream: the camera's newest frame first, then the newest at most `maxHz` times a second; no cursor."""
        if not 0 < max_hz <= MAX_HZ:
            raise BadInputError(f"`maxHz` must be above 0 and at most {MAX_HZ:g}, not {max_hz:g}.")
        sharing, frames = info.context.sharing, info.context.services.live.frames
        frame = sharing.begin if isinstance(sharing.begin, Frame) else None
        due = monotonic() + (1 / max_hz if frame else 0)
        while True:
            await asyncio.sleep(max(0.0, due - monotonic()))
            frame = sharing.reached = await frames.after(camera_id, frame)
            due = monotonic() + 1 / max_hz
            yield live_frame(frame)
