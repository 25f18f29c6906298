"""What may be asked of the replays app: a run, its adoption, its end. Rows say it; the app does it when it comes to it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import strawberry

from graphql_api.configuration import LineInput, ZoneInput, ZonesDefineInput, define_zones
from graphql_api.context import Info, Services
from graphql_api.described import command, output, payload
from graphql_api.errors import NotFoundError, RangeError
from graphql_api.replay_runs import ReplayRun, run_of
from graphql_api.shifts import ShiftExceptionInput, ShiftInput, ShiftsDefineInput, stored
from graphql_api.shifts import faults as shift_faults
from graphql_api.sql.cameras import cameras_by_id
from graphql_api.sql.replay_runs import ADOPT, DROP, Request, RunRequest, ask, request_run
from graphql_api.time_range import TimeRange, whole_minutes
from graphql_api.user_errors import UserError, command_id_reused, malformed
from schemas.events import DefineZones

INVALID_STATE = "INVALID_STATE"
_ANY = strawberry.ID("any")  # stands for the name of a camera or site where it does not matter


@payload
class ReplayZonesInput:
    """All zones and lines that shall hold in a run, in place of those a camera had."""

    camera_id: strawberry.ID | None = strawberry.field(
        default=None, description="Null: every camera; then the only entry."
    )
    zones: list[ZoneInput]
    lines: list[LineInput] = strawberry.field(default_factory=list)


@payload
class ReplayStartInput:
    """What to process again, and what shall hold there; what is left out stays as it was."""

    range: TimeRange = strawberry.field(description="The UTC minutes that begin in it, all over by now.")
    camera_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Null: all cameras.")
    zones: list[ReplayZonesInput] | None = None
    track_timeout_ms: int | None = None
    max_gap_ms: int | None = None
    judge_again: bool = strawberry.field(
        default=False, description="Take in what the live workers could not read or fold, if it can be now."
    )
    shifts: list[ShiftInput] | None = strawberry.field(
        default=None,
        description="By which the run is measured, at every site; adopting a run changes no site's shifts.",
    )
    exceptions: list[ShiftExceptionInput] | None = None


@output
class ReplayPayload:
    """The run as it is now, or what to mend."""

    run: ReplayRun | None = None
    user_errors: list[UserError]


async def start_run(services: Services, wanted: ReplayStartInput, command_id: str, requested_by: str) -> ReplayPayload:
    """Ask for a run, whose id is the command's; asked again, it is the same run."""
    faults = [*_faults(wanted, command_id, services.now()), *await _unknown_cameras(services, wanted)]
    if faults:
        return ReplayPayload(user_errors=faults)
    minutes = whole_minutes(wanted.range)
    parameters = {"track_timeout_ms": wanted.track_timeout_ms, "max_gap_ms": wanted.max_gap_ms,
                  "judge_again": wanted.judge_again or None}  # fmt: skip
    request = RunRequest(
        run_id=command_id,
        requested_by=requested_by,
        cameras=wanted.camera_ids,
        start=minutes.start,
        stop=minutes.stop,
        zones=None if wanted.zones is None else _stored_zones(wanted.zones),
        parameters={name: value for name, value in parameters.items() if value is not None},
        shifts=_stored_shifts(wanted),
    )
    row = await services.database.run(request_run, request)
    return ReplayPayload(run=run_of(row), user_errors=[] if request.asks_for(row) else [command_id_reused()])


async def adopt_run(services: Services, run_id: str) -> ReplayPayload:
    """Ask that a run's results take the place of what holds; asked again, it is adopted once.

    Raises:
        NotFoundError: no such run.
    """
    return await _ask(services, run_id, ADOPT)


async def drop_run(services: Services, run_id: str) -> ReplayPayload:
    """Ask that a run ends and its results are removed; what was adopted stays.

    Raises:
        NotFoundError: no such run.
    """
    return await _ask(services, run_id, DROP)


async def _ask(services: Services, run_id: str, request: Request) -> ReplayPayload:
    row = await services.database.run(ask, run_id, request)
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.")
    if request.holds(row):
        return ReplayPayload(run=run_of(row), user_errors=[])
    message = f"The run is {row['state']}. Try again when it is {' or '.join(request.allowed)}."
    return ReplayPayload(run=run_of(row), user_errors=[UserError(code=INVALID_STATE, message=message, field=["runId"])])


def _faults(wanted: ReplayStartInput, command_id: str, now: datetime) -> Iterator[UserError]:
    if not _is_uuid(command_id):
        yield _invalid("`commandId` must be a UUID.", "commandId")
    try:
        if whole_minutes(wanted.range).stop > now:
            yield _invalid("The range is not over yet. Let it end earlier, or try again when it is.", "input", "range")
    except RangeError as error:
        yield _invalid(str(error), "input", "range")
    for value, name in ((wanted.track_timeout_ms, "trackTimeoutMs"), (wanted.max_gap_ms, "maxGapMs")):
        if value is not None and value < 0:
            yield _invalid("A length of time must not be negative.", "input", name)
    yield from _faults_of_zones(wanted.zones or [])
    shifts = ShiftsDefineInput(site_id=_ANY, shifts=wanted.shifts or [], exceptions=wanted.exceptions or [])
    yield from shift_faults(shifts)


def _faults_of_zones(zones: Sequence[ReplayZonesInput]) -> Iterator[UserError]:
    cameras = [each.camera_id for each in zones]
    if len(set(cameras)) < len(cameras) or (None in cameras and len(cameras) > 1):
        message = "Name each camera once, or give zones for every camera in a single entry without `cameraId`."
        yield _invalid(message, "input", "zones")
    for number, each in enumerate(zones):
        for fault in malformed(_definition(each)):
            yield UserError(
                code=fault.code, message=fault.message, field=["input", "zones", str(number), *(fault.field or [])[1:]]
            )


async def _unknown_cameras(services: Services, wanted: ReplayStartInput) -> list[UserError]:
    named = {str(camera_id) for camera_id in wanted.camera_ids or ()}
    named |= {str(each.camera_id) for each in wanted.zones or () if each.camera_id is not None}
    known = {row["camera_id"] for row in await services.database.run(cameras_by_id, sorted(named))} if named else set()
    return [_invalid(f"There is no camera {camera_id!r}.", "input") for camera_id in sorted(named - known)]


def _stored_zones(zones: Iterable[ReplayZonesInput]) -> dict[str, Any]:
    shapes = {each.camera_id: _shapes(_definition(each)) for each in zones}
    return {"every": shapes.pop(None, None), "cameras": shapes}


def _shapes(definition: DefineZones) -> dict[str, Any]:
    return {"zones": msgspec.to_builtins(definition.zones), "lines": msgspec.to_builtins(definition.lines)}


def _definition(given: ReplayZonesInput) -> DefineZones:
    wanted = ZonesDefineInput(camera_id=given.camera_id or _ANY, zones=given.zones, lines=given.lines)
    return define_zones(wanted, None, command_id="replay")


def _stored_shifts(wanted: ReplayStartInput) -> dict[str, Any] | None:
    if wanted.shifts is None and wanted.exceptions is None:
        return None
    return {
        "shifts": [stored(shift) for shift in wanted.shifts or ()],
        "exceptions": [stored(exception) for exception in wanted.exceptions or ()],
    }


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _invalid(message: str, *path: str) -> UserError:
    return UserError(code="INVALID", message=message, field=list(path))


@strawberry.type
class ReplayMutation:
    """What may be asked of the replays app."""

    @command
    async def replay_start(
        self,
        info: Info,
        input: ReplayStartInput,  # noqa: A002 - the argument's public name
        command_id: strawberry.ID,
    ) -> ReplayPayload:
        """Process a range of history again; follow the run by its id, which is the `commandId` you give, a UUID.

        Sent again, it is answered again and carried out once; sent with other content, it is refused (COMMAND_ID_REUSED).
        """
        return await start_run(info.context.services, input, command_id, info.context.principal.user_id)

    @command
    async def replay_adopt(self, info: Info, run_id: strawberry.ID) -> ReplayPayload:
        """Let a run's results take the place of what holds in its range; what they replace can still be asked for.

        The run says in `error` why it was not adopted. Sent again, it is carried out once.
        """
        return await adopt_run(info.context.services, run_id)

    @command
    async def replay_drop(self, info: Info, run_id: strawberry.ID) -> ReplayPayload:
        """End a run and remove its results; what was adopted stays. Sent again, it is carried out once."""
        return await drop_run(info.context.services, run_id)
