"""Zones and counting lines of a camera: in force now, at a moment, and all that ever were."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Self

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Context, Info
from graphql_api.described import output, resolved
from graphql_api.nodes import KeyedNode, key_parts, node_key
from graphql_api.sql.zones import line_history, lines_of, newest_zone, zone_history, zones_of


@strawberry.enum(description="What a zone is for; decides efficiency and which zone an overlap counts for.")
class ZoneKind(StrEnum):
    """What a zone is for."""

    WORK = "WORK"
    REST = "REST"
    TRANSIT = "TRANSIT"
    QUEUE = "QUEUE"
    ENTRANCE = "ENTRANCE"
    RESTRICTED = "RESTRICTED"
    OTHER = "OTHER"


@strawberry.enum(description="Which point of a person's box counts: middle of the lower edge, or middle of the box.")
class Anchor(StrEnum):
    """Which point of a box stands for the person."""

    FOOT = "FOOT"
    CENTRE = "CENTRE"


@output
class Point:
    """A point of the picture: x and y from 0 (left, top) to 1."""

    x: float
    y: float


@output
class Zone(KeyedNode):
    """A named polygon on one camera in which stays are measured, in one of its revisions."""

    camera_id: strawberry.ID
    zone_id: strawberry.ID
    zones_revision: int = strawberry.field(description="The camera's zone set this zone is part of.")
    name: str
    kind: ZoneKind
    polygon: list[Point]
    anchor: Anchor
    min_stay_ms: int = strawberry.field(description="A shorter stay opens no visit.")
    grace_ms: int = strawberry.field(description="A shorter absence closes no visit.")
    capacity: int | None
    valid_from: datetime = strawberry.field(description="Event time from which this revision holds.")
    valid_to: datetime | None = strawberry.field(description="Event time at which it was replaced; null: in force.")

    @classmethod
    def resolve_id(cls, root: Self, *, info: Info) -> str:
        """Camera and zone."""
        del info
        return node_key(root.camera_id, root.zone_id)

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "Zone | None":
        """The zone of this camera with this id, in its newest revision."""
        match key_parts(key, 2):
            case [camera_id, zone_id]:
                found = await info.context.services.database.run(newest_zone, camera_id, zone_id)
                return zone_of(found[0]) if found else None
        return None


@output
class Line:
    """A counting line: from left to right, seen from its first point to its second, is an ENTRY, back an EXIT."""

    camera_id: strawberry.ID
    line_id: strawberry.ID
    zones_revision: int
    name: str
    points: list[Point]
    anchor: Anchor
    min_stay_ms: int
    valid_from: datetime
    valid_to: datetime | None


@output
class ZoneSet:
    """All zones and lines of a camera in one revision."""

    camera_id: strawberry.ID
    revision: int
    valid_from: datetime
    valid_to: datetime | None
    zones: list[Zone]
    lines: list[Line]


def zone_of(row: RowMapping) -> Zone:
    """The zone in a row."""
    return Zone(**_with_points(row, "polygon"))


def line_of(row: RowMapping) -> Line:
    """The line in a row."""
    return Line(**_with_points(row, "points"))


def points_of(pairs: Iterable[Sequence[float]]) -> list[Point]:
    """Points from [x, y] pairs."""
    return [Point(x=x, y=y) for x, y in pairs]


def zone_sets(camera_id: str, zones: Iterable[Zone], lines: Iterable[Line]) -> list[ZoneSet]:
    """Zones and lines of one camera gathered by revision, newest first."""
    parts: list[Zone | Line] = sorted([*zones, *lines], key=lambda part: -part.zones_revision)
    grouped = groupby(parts, key=lambda part: part.zones_revision)
    return [_zone_set(camera_id, revision, list(members)) for revision, members in grouped]


async def zones_at(context: Context, camera_id: str, at: datetime | None) -> list[Zone]:
    """The zones of a camera in force at a moment of event time (None: now), by id."""
    return [zone_of(row) for row in await context.services.database.run(zones_of, [camera_id], at)]


def _zone_set(camera_id: str, revision: int, members: Sequence[Zone | Line]) -> ZoneSet:
    return ZoneSet(
        camera_id=strawberry.ID(camera_id),
        revision=revision,
        valid_from=members[0].valid_from,
        valid_to=members[0].valid_to,
        zones=[part for part in members if isinstance(part, Zone)],
        lines=[part for part in members if isinstance(part, Line)],
    )


def _with_points(row: RowMapping, column: str) -> dict[str, Any]:
    return dict(row) | {column: points_of(row[column])}


@strawberry.type
class ZoneQuery:
    """Queries about zones."""

    @resolved
    async def zones(self, info: Info, camera_id: strawberry.ID, at: datetime | None = None) -> list[Zone]:
        """The zones of a camera in force at a moment of event time, by default now."""
        return await zones_at(info.context, camera_id, at)

    @resolved
    async def lines(self, info: Info, camera_id: strawberry.ID, at: datetime | None = None) -> list[Line]:
        """The counting lines of a camera in force at a moment of event time, by default now."""
        return [line_of(row) for row in await info.context.services.database.run(lines_of, [camera_id], at)]

    @resolved
    async def zones_history(self, info: Info, camera_id: strawberry.ID) -> list[ZoneSet]:
        """Every zone set of a camera that held a zone or a line, newest first."""
        run = info.context.services.database.run
        zones = [zone_of(row) for row in await run(zone_history, camera_id)]
        lines = [line_of(row) for row in await run(line_history, camera_id)]
        return zone_sets(camera_id, zones, lines)
