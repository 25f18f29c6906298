"""Commands in a camera's log: each is taken once, judged against what is in force, and answered by one event."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.events import (
    AdoptRun,
    CameraConfigured,
    CameraSettings,
    Command,
    CommandRefused,
    ConfigureCamera,
    DefineZones,
    Fault,
    LogCommand,
    Output,
    Position,
    RunAdopted,
    ZonesDefined,
)
from stream_processors.domain import facts, tracker, zones
from stream_processors.domain.definitions import configuration_faults, faults, text_faults
from stream_processors.domain.state import CameraState, Step, end_tracks, with_status

REMEMBERED_COMMANDS = 1_000


def obey(state: CameraState, cause: Position, command: LogCommand) -> Step:
    """Take a command, unless it was taken before, meant another revision, or is wrong."""
    if command.command_id in state.commands:
        return state, []
    state = replace(state, commands=(*state.commands, command.command_id)[-REMEMBERED_COMMANDS:])
    revision, found = _judged(state, command)
    if command.expected_revision not in {None, revision}:
        return state, [_refused(cause, command, revision, ())]
    if found:
        return state, [_refused(cause, command, revision, found)]
    match command:
        case ConfigureCamera():
            return _configure(state, cause, command)
        case DefineZones():
            return _define_zones(state, cause, command)
        case AdoptRun():
            return _adopt_run(state, cause, command)


def _judged(state: CameraState, command: LogCommand) -> tuple[int, Sequence[Fault]]:
    """The revision that is in force of what the command changes, and what is wrong with the command."""
    match command:
        case ConfigureCamera():
            return state.settings_revision, configuration_faults(command)
        case DefineZones():
            return state.zones.layout.revision, faults(command.zones, command.lines)
        case AdoptRun():
            return state.restatements, _adoption_faults(command, state.watermark)


def _configure(state: CameraState, cause: Position, command: ConfigureCamera) -> Step:
    before = state.settings
    settings = CameraSettings(
        name=command.name,
        site_id=command.site_id,
        enabled=command.enabled,
        max_gap_ms=command.max_gap_ms,
        track_timeout_ms=command.track_timeout_ms,
    )
    state = replace(state, settings=settings, settings_revision=state.settings_revision + 1)
    configured = CameraConfigured.answering(
        command, cause, revision=state.settings_revision, effective_at=state.watermark
    )
    tracked: list[Output] = []
    zoned: list[Output] = []
    status: list[Output] = []
    if before.enabled and not settings.enabled:
        state, tracked, zoned = end_tracks(state, cause, "DISABLED")
        state, status = with_status(state, cause, "DISABLED")
    elif settings.enabled and not before.enabled:
        state, status = with_status(state, cause, "OTHER")
    return state, [*tracked, *zoned, configured, *status]


def _define_zones(state: CameraState, cause: Position, command: DefineZones) -> Step:
    before = state.zones.layout
    layout = before.succeeded_by(state.watermark, command.zones, command.lines)
    zone_state, changes = zones.redefine(state.zones, layout)
    tentative_since = tracker.tentative_since(state.tracker)
    zone_state, measured = zones.close(zone_state, state.watermark, tentative_since=tentative_since)
    defined = ZonesDefined.answering(command, cause, revision=layout.revision, effective_at=layout.effective_at)
    said = facts.zone_facts(cause, state.camera_id, before, [*changes, *measured])
    return replace(state, zones=zone_state), [*said, defined]


def _adopt_run(state: CameraState, cause: Position, command: AdoptRun) -> Step:
    state = replace(state, restatements=state.restatements + 1)
    return state, [RunAdopted.answering(command, cause, restatement=state.restatements)]


def _adoption_faults(command: AdoptRun, watermark: int) -> list[Fault]:
    found = text_faults("run_id", command.run_id, command.digest)
    found += faults(command.zones or (), command.lines or ())
    if not command.range_from < command.range_to <= watermark:
        message = (
            f"[{command.range_from}, {command.range_to}) must not be empty, and be over at the watermark {watermark}"
        )
        found.append(Fault(code="RANGE_NOT_OVER", path="range_to", message=message))
    return found


def _refused(cause: Position, command: Command, revision: int, found: Sequence[Fault]) -> CommandRefused:
    return CommandRefused(
        position=cause,
        camera_id=command.camera_id,
        command_id=command.command_id,
        command=type(command).__name__,
        reason="INVALID" if found else "REVISION_CONFLICT",
        revision=revision,
        faults=tuple(found),
    )
