"""The mutations: what the API may ask of a camera, and what the camera said to it."""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import strawberry

from graphql_api.commands import Answer, CommandIdReused
from graphql_api.context import Info
from graphql_api.described import command, output, payload
from graphql_api.positions import position_token
from graphql_api.scalars import moment_of
from graphql_api.user_errors import UserError, exposed, malformed, user_errors
from graphql_api.zones import Anchor, Line, Point, Zone, ZoneKind, ZoneSet, points_of
from schemas import events
from schemas.events import CameraConfigured, ConfigureCamera, DefineZones, ZonesDefined

_POSITION = "Of the answer; a read that sends it in the header X-Min-Position waits until it can show what was changed."

_Wanted = TypeVar("_Wanted", DefineZones, ConfigureCamera)


@payload
class PointInput:
    """A point of the picture: x and y from 0 (left, top) to 1."""

    x: float
    y: float


@payload
class ZoneInput:
    """A zone to be measured."""

    zone_id: strawberry.ID = strawberry.field(description="Unique within the camera; keep it when you change a zone.")
    name: str
    kind: ZoneKind
    polygon: list[PointInput] = strawberry.field(description="At least 3 points around, not crossing itself.")
    anchor: Anchor = Anchor.FOOT
    min_stay_ms: int = 500
    grace_ms: int = 2_000
    capacity: int | None = None


@payload
class LineInput:
    """A line whose crossings are to be counted."""

    line_id: strawberry.ID
    name: str
    points: list[PointInput] = strawberry.field(description="Two points.")
    anchor: Anchor = Anchor.FOOT
    min_stay_ms: int = 500


@payload
class ZonesDefineInput:
    """All zones and lines a camera shall have from now on; those left out end."""

    camera_id: strawberry.ID
    zones: list[ZoneInput]
    lines: list[LineInput] = strawberry.field(default_factory=list)


@payload
class CameraConfigureInput:
    """All settings of a camera; what is left out takes its default."""

    camera_id: strawberry.ID
    name: str
    site_id: strawberry.ID = strawberry.ID("default")
    enabled: bool = True
    max_gap_ms: int = 2_000
    track_timeout_ms: int = 2_000
    source: str = strawberry.field(
        default="", description="Address the edge reads, without user and password; empty: the edge's own settings."
    )
    credentials: str = strawberry.field(
        default="", description="Name of a secret the edge keeps itself; never the secret."
    )
    target_fps: float | None = strawberry.field(
        default=None, description="Detections a second to aim at; null: the edge's own settings."
    )
    masks: list[list[PointInput]] = strawberry.field(
        default_factory=list, description="Privacy masks: polygons blackened before detection."
    )


@output
class ZonesDefinePayload:
    """What the camera answered: its zones now, or what to mend."""

    zone_set: ZoneSet | None = None
    position: str | None = strawberry.field(default=None, description=_POSITION)
    current_revision: int | None = strawberry.field(default=None, description="The revision that is in force.")
    user_errors: list[UserError]


@output
class CameraSettings:
    """The settings of a camera as it accepted them."""

    camera_id: strawberry.ID
    revision: int
    name: str
    site_id: strawberry.ID
    enabled: bool
    max_gap_ms: int
    track_timeout_ms: int
    source: str
    credentials: str
    target_fps: float | None
    masks: list[list[Point]]


@output
class CameraConfigurePayload:
    """What the camera answered: its settings now, or what to mend."""

    settings: CameraSettings | None = None
    position: str | None = strawberry.field(default=None, description=_POSITION)
    current_revision: int | None = strawberry.field(default=None, description="The revision that is in force.")
    user_errors: list[UserError]


def define_zones(wanted: ZonesDefineInput, if_revision: int | None, command_id: str) -> DefineZones:
    """The command a mutation stands for."""
    return DefineZones(
        camera_id=wanted.camera_id,
        command_id=command_id,
        expected_revision=if_revision,
        zones=tuple(events.Zone(**_geometry(zone, "polygon"), kind=zone.kind.value) for zone in wanted.zones),
        lines=tuple(events.Line(**_geometry(line, "points")) for line in wanted.lines),
    )


def configure_camera(wanted: CameraConfigureInput, if_revision: int | None, command_id: str) -> ConfigureCamera:
    """The command a mutation stands for."""
    fields = vars(wanted) | {"masks": tuple(tuple((point.x, point.y) for point in mask) for mask in wanted.masks)}
    return ConfigureCamera(command_id=command_id, expected_revision=if_revision, **fields)


def zones_defined(answer: ZonesDefined) -> ZoneSet:
    """The zone set a camera accepted."""
    own: dict[str, Any] = {"camera_id": answer.camera_id, "zones_revision": answer.revision}
    own |= {"valid_from": moment_of(answer.effective_at), "valid_to": None}
    return ZoneSet(
        camera_id=strawberry.ID(answer.camera_id),
        revision=answer.revision,
        valid_from=own["valid_from"],
        valid_to=None,
        zones=[Zone(**own, **_fields(zone, "polygon")) for zone in answer.zones],
        lines=[Line(**own, **_fields(line, "points")) for line in answer.lines],
    )


def _issued(info: Info, wanted: _Wanted) -> _Wanted:
    """The command with its sender's pseudonym."""
    return msgspec.structs.replace(wanted, issued_by=info.context.principal.user_id)


def _settings(answer: CameraConfigured) -> CameraSettings:
    fields = {each.name: getattr(answer, each.name) for each in dataclasses.fields(CameraSettings)}
    return CameraSettings(**fields | {"masks": [points_of(mask) for mask in answer.masks]})


def _geometry(part: ZoneInput | LineInput, points: str) -> dict[str, Any]:
    pairs: Iterable[PointInput] = getattr(part, points)
    fields = {name: value for name, value in vars(part).items() if name != "kind"}
    return fields | {points: tuple((point.x, point.y) for point in pairs), "anchor": part.anchor.value}


def _fields(part: events.Zone | events.Line, points: str) -> dict[str, Any]:
    fields = msgspec.structs.asdict(part)
    return fields | {points: points_of(fields[points])}


def _position(answer: Answer | CommandIdReused | None) -> str | None:
    match answer:
        case None | CommandIdReused():
            return None
        case _:
            return position_token(answer.camera_id, answer.position)


def _revision(answer: Answer | CommandIdReused | None) -> int | None:
    match answer:
        case ZonesDefined() | CameraConfigured() | events.CommandRefused():
            return answer.revision
        case _:
            return None


@strawberry.type
class ConfigurationMutation:
    """Commands to cameras."""

    @command
    async def zones_define(
        self,
        info: Info,
        input: ZonesDefineInput,  # noqa: A002 - the argument's public name
        command_id: strawberry.ID,
        if_revision: int | None = None,
    ) -> ZonesDefinePayload:
        """Give a camera these zones and lines from its next frame on.

        `commandId` is yours (a UUID): sent again, it is answered again and carried out once; sent with other content, it is
        refused (COMMAND_ID_REUSED). With `ifRevision` the
        camera refuses when another revision is in force.
        """
        wanted = _issued(info, define_zones(input, if_revision, command_id))
        if faults := malformed(wanted):
            return ZonesDefinePayload(user_errors=faults)
        answer = await info.context.services.commands.issue(wanted)
        return ZonesDefinePayload(
            zone_set=zones_defined(answer) if isinstance(answer, ZonesDefined) else None,
            position=_position(answer),
            current_revision=_revision(answer),
            user_errors=user_errors(answer),
        )

    @command
    async def camera_configure(
        self,
        info: Info,
        input: CameraConfigureInput,  # noqa: A002 - the argument's public name
        command_id: strawberry.ID,
        if_revision: int | None = None,
    ) -> CameraConfigurePayload:
        """Fold a camera with these settings from its next frame on; `commandId` and `ifRevision` as for zonesDefine."""
        wanted = _issued(info, configure_camera(input, if_revision, command_id))
        if faults := [*malformed(wanted), *exposed(wanted)]:
            return CameraConfigurePayload(user_errors=faults)
        answer = await info.context.services.commands.issue(wanted)
        return CameraConfigurePayload(
            settings=_settings(answer) if isinstance(answer, CameraConfigured) else None,
            position=_position(answer),
            current_revision=_revision(answer),
            user_errors=user_errors(answer),
        )
