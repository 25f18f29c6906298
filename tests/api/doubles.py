"""Stand-ins for the API's surroundings: a read model that answers what a test says, and a camera log that answers at once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from graphql_api.commands import Appended, Commands
from graphql_api.context import Services
from graphql_api.live import Frame, Live, VisitEvent
from graphql_api.ring import RingEntry
from graphql_api.settings import ApiSettings
from schemas.events import (
    Command,
    Event,
    LineCrossed,
    Position,
    TrackObservation,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
)

NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


class ScriptedReadModel:
    """Answers each query function with what a test gave for it; an exception is raised instead. Keeps the arguments."""

    def __init__(self, answers: Mapping[Callable[..., Any], Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[Any, ...]] = []

    async def run(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.asked.append((query, *args, *kwargs.values()))
        answer = self.answers[query]
        if isinstance(answer, Exception):
            raise answer
        return answer


class ScriptedLog:
    """Appends to a list; `answer` makes the events a camera would answer with, which `heard` is told."""

    def __init__(self, answer: Callable[[Command, Appended], list[Event]] = lambda *_: []) -> None:
        self.appended: list[Command] = []
        self.answer = answer
        self.heard: Callable[[Event], None] = lambda _: None
        self.error: Exception | None = None

    def append(self, command: Command, timeout_s: float) -> Appended | None:
        del timeout_s
        if self.error:
            raise self.error
        self.appended.append(command)
        where = Appended(partition=0, offset=len(self.appended))
        for event in self.answer(command, where):
            self.heard(event)
        return where


def services(
    answers: Mapping[Callable[..., Any], Any] | None = None, *, ring: int = 100, command_timeout_s: float = 5.0
) -> tuple[Services, ScriptedReadModel, ScriptedLog]:
    """The services of an API process over stand-ins."""
    settings = ApiSettings(access="open", command_timeout_s=command_timeout_s, ready_timeout_s=0.2)
    read_model, log = ScriptedReadModel(answers), ScriptedLog()
    commands = Commands(log, read_model, command_timeout_s)
    log.heard = commands.heard
    made = Services(settings, read_model, Live(ring), commands, now=lambda: NOW)
    return made, read_model, log


def at(offset: int, index: int = 0, partition: int = 0) -> Position:
    return Position(epoch=0, partition=partition, offset=offset, index=index)


def frame(offset: int, camera_id: str = "door", tracks: tuple[TrackObservation, ...] = (), **fields: Any) -> Frame:
    values: dict[str, Any] = {"session": "s", "seq": offset, "observed_at": 1_000_000 + 100 * offset}
    values |= {"width": 200, "height": 100, "zones_revision": 1} | fields
    return Frame(TracksObserved(camera_id=camera_id, position=at(offset), tracks=tracks, **values), detector_ms=12.5)


def entered(offset: int, camera_id: str = "door", partition: int = 0) -> ZoneEntered:
    return ZoneEntered(
        camera_id=camera_id,
        position=at(offset, partition=partition),
        track_no=offset,
        zone_id="desk",
        zones_revision=1,
        entered_at=1_000_000 + offset,
        entered_at_max=1_000_000 + offset,
        entry_reason="CROSSED",
    )


def exited(offset: int, camera_id: str = "door") -> ZoneExited:
    return ZoneExited(
        camera_id=camera_id,
        position=at(offset),
        track_no=offset,
        zone_id="desk",
        zones_revision=1,
        entered_at=1_000_000,
        entered_at_max=1_000_000,
        entry_reason="TRACK_STARTED",
        exited_at=1_060_000,
        exited_at_min=1_059_900,
        dwell_ms=60_000,
        exit_reason="LEFT",
    )


def crossed(offset: int, camera_id: str = "door") -> LineCrossed:
    return LineCrossed(
        camera_id=camera_id,
        position=at(offset),
        track_no=offset,
        line_id="gate",
        zones_revision=1,
        crossed_at=1_000_000,
        crossed_at_min=999_900,
        crossed_at_max=1_000_000,
        direction="ENTRY",
    )


def entry(offset: int, event: VisitEvent | None = None, partition: int = 0) -> RingEntry[VisitEvent]:
    return RingEntry(partition, offset, event or entered(offset, partition=partition, camera_id=f"cam-{partition}"))
