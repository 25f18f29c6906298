"""Replay runs as clients see them: what was asked for, how far it is, what it changes; and which ranges are restated.

The replays app works on them; here nothing is replayed.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import RowMapping

from graphql_api.context import Info, Services
from graphql_api.described import output, resolved
from graphql_api.efficiency import Basis, Buckets, EfficiencySeries, efficiency_series
from graphql_api.nodes import KeyedNode
from graphql_api.pagination import DEFAULT_FIRST, Connection, Keyset, checked_first
from graphql_api.replay_difference import (
    AmountsDifference,
    ChangedVisits,
    VisitChange,
    VisitDifference,
    ZoneHourDifference,
    changed_visits,
    hours_page,
    total,
    visits_page,
)
from graphql_api.shifts import Shift, ShiftException, shown
from graphql_api.sql.facts import BeforeRun, OfRun
from graphql_api.sql.replay_runs import restatements_within, run_by_id, runs_page
from graphql_api.time_range import CalendarUnit, TimeRange, checked
from graphql_api.zones import Anchor, Point, ZoneKind, points_of

RUNS = Keyset("replayRuns", requested_at=datetime, run_id=str)
_WITH_RESULTS = frozenset({"DONE", "ADOPT_REQUESTED", "ADOPTED"})
_READ: dict[str, Callable[[str], object]] = {
    "start_local": time.fromisoformat, "end_local": time.fromisoformat, "valid_from": date.fromisoformat,
    "valid_to": date.fromisoformat, "date": date.fromisoformat,
}  # fmt: skip


@strawberry.enum(
    description="How far a run is. DONE: its results can be read; ADOPTED: they hold; DROPPED: they are gone."
)
class ReplayRunState(StrEnum):
    """How far a run is."""

    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    ADOPT_REQUESTED = "ADOPT_REQUESTED"
    ADOPTED = "ADOPTED"
    DROP_REQUESTED = "DROP_REQUESTED"
    DROPPED = "DROPPED"


@output
class ReplayZone:
    """A zone that holds in a run."""

    zone_id: strawberry.ID
    name: str
    kind: ZoneKind
    polygon: list[Point]
    anchor: Anchor
    min_stay_ms: int
    grace_ms: int
    capacity: int | None


@output
class ReplayLine:
    """A counting line that holds in a run."""

    line_id: strawberry.ID
    name: str
    points: list[Point]
    anchor: Anchor
    min_stay_ms: int


@output
class ReplayZones:
    """All zones and lines that hold in a run, in place of those a camera had."""

    camera_id: strawberry.ID | None = strawberry.field(description="Null: every camera.")
    zones: list[ReplayZone]
    lines: list[ReplayLine]


@output
class ReplayShifts:
    """The shifts and exceptions that a run is measured by, at every site on its own clock."""

    shifts: list[Shift]
    exceptions: list[ShiftException]


@output
class WhatIfEfficiency:
    """The measures as they are without the run, and as they are under it."""

    before: EfficiencySeries
    after: EfficiencySeries


@strawberry.type(description="What a run changes, compared with what held when it was finished.")
class ReplayDifference:
    """What a run changes."""

    run_id: strawberry.Private[str]
    total: AmountsDifference
    changes: list[ChangedVisits] = strawberry.field(description="How many visits changed, by change.")
    same_visits: int = strawberry.field(description="How many are the same.")

    @resolved
    async def hours(
        self, info: Info, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[ZoneHourDifference]:
        """Every zone and UTC hour that either side knows, by camera, zone and hour."""
        return await hours_page(info.context.services, self.run_id, first, after)

    @resolved
    async def visits(
        self, info: Info, change: VisitChange | None = None, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[VisitDifference]:
        """The visits that are not the same, by camera, zone and time."""
        return await visits_page(info.context.services, self.run_id, change, first, after)


@output
class ReplayRun(KeyedNode):
    """A range of history processed again, under other zones, shifts or tracker settings, or as it was."""

    run_id: strawberry.ID
    state: ReplayRunState
    requested_by: str
    requested_at: datetime
    camera_ids: list[strawberry.ID] | None = strawberry.field(description="Null: all cameras.")
    start: datetime = strawberry.field(name="from")
    stop: datetime = strawberry.field(name="to")
    zones: list[ReplayZones] | None = strawberry.field(description="Null: as they were.")
    shifts: ReplayShifts | None = strawberry.field(description="Null: each site's own.")
    track_timeout_ms: int | None = strawberry.field(description="Null: as it was.")
    max_gap_ms: int | None = strawberry.field(description="Null: as it was.")
    judge_again: bool = strawberry.field(description="It takes in what the live workers could not read or fold.")
    progress: float = strawberry.field(description="Of the records to be read, 0 to 1.")
    error: str | None = strawberry.field(description="Why it failed or was not adopted, or what it waits for.")
    started_at: datetime | None
    finished_at: datetime | None
    fold_version: int | None = strawberry.field(description="Of the rules that made the results.")
    approximate: bool | None = strawberry.field(
        description="The log no longer holds what came before the range, so who was there at its beginning is not known."
    )
    camera_ids_seen: list[strawberry.ID] | None = strawberry.field(
        description="Cameras with frames in the range; of the others nothing is known there."
    )
    open_visits: int | None = strawberry.field(description="Entered in the range and not over at the end of the log.")
    digest: str | None = strawberry.field(description="BLAKE2b-256 over the facts of all cameras.")
    difference: ReplayDifference | None = strawberry.field(
        description="Null until the run is done, and once it is dropped."
    )
    stored_shifts: strawberry.Private[Mapping[str, Any] | None]

    @classmethod
    def resolve_id(cls, root: "ReplayRun", *, info: Info) -> str:
        """The run's own id."""
        del info
        return root.run_id

    @classmethod
    async def by_key(cls, info: Info, key: str) -> "ReplayRun | None":
        """The run with this id."""
        row = await info.context.services.database.run(run_by_id, key)
        return run_of(row) if row else None

    @resolved
    async def efficiency(
        self,
        info: Info,
        site_id: strawberry.ID | None = None,
        camera_ids: list[strawberry.ID] | None = None,
        bucket: timedelta | None = None,
        calendar: CalendarUnit | None = None,
    ) -> WhatIfEfficiency | None:
        """The measures over the run's range, without it and under it; null until the run is done, and once it is dropped.

        As the query `efficiency`, but for the shifts of the run; of the cameras seen, unless a site or cameras are named.
        """
        if self.difference is None:
            return None
        if site_id is None and camera_ids is None:
            camera_ids = self.camera_ids_seen
        span, buckets = TimeRange(start=self.start, stop=self.stop), Buckets(bucket, calendar)
        before, after = [
            await efficiency_series(info.context.services, site_id, camera_ids, span, buckets, basis=basis)
            for basis in (Basis(BeforeRun(self.run_id)), Basis(OfRun(self.run_id), self.stored_shifts))
        ]
        return WhatIfEfficiency(before=before, after=after)


@output
class Restatement:
    """A range of a camera whose facts were corrected by adopting a run."""

    camera_id: strawberry.ID
    restatement: int = strawberry.field(description="Counts the camera's; where ranges overlap the highest holds.")
    run_id: strawberry.ID
    start: datetime = strawberry.field(name="from")
    stop: datetime = strawberry.field(name="to")
    restated_at: datetime
    topics: list[str] = strawberry.field(description="Whose facts were corrected.")

    @resolved
    async def run(self, info: Info) -> ReplayRun | None:
        """The run that was adopted."""
        return await ReplayRun.by_key(info, self.run_id)


def run_of(row: RowMapping) -> ReplayRun:
    """The run in a row."""
    summary = row["summary"] if row["state"] in _WITH_RESULTS else None
    same = ("run_id", "requested_by", "requested_at", "progress", "error", "started_at", "finished_at", "fold_version",
            "approximate", "digest")  # fmt: skip
    return ReplayRun(
        **{name: row[name] for name in same},
        state=ReplayRunState(row["state"]),
        camera_ids=row["cameras"],
        start=row["range_from"],
        stop=row["range_to"],
        zones=None if row["zones"] is None else _zones(row["zones"]),
        shifts=None if row["shifts"] is None else _shifts(row["shifts"]),
        stored_shifts=row["shifts"],
        track_timeout_ms=row["parameters"].get("track_timeout_ms"),
        max_gap_ms=row["parameters"].get("max_gap_ms"),
        judge_again=row["parameters"].get("judge_again", False),
        camera_ids_seen=None if summary is None else list(summary["cameras"]),
        open_visits=None if summary is None else summary["open_visits"],
        difference=None if summary is None else _difference(row["run_id"], summary),
    )


async def runs_connection(services: Services, first: int, after: str | None) -> Connection[ReplayRun]:
    """A page of runs, newest first."""
    limit = checked_first(first) + 1
    found = await services.database.run(runs_page, RUNS.after(after), limit)
    return RUNS.page(found, [run_of(row) for row in found], first, after)


def _difference(run_id: str, summary: dict[str, Any]) -> ReplayDifference:
    same_visits = summary["changes"].get("SAME", 0)
    return ReplayDifference(
        run_id=run_id, total=total(summary), changes=changed_visits(summary), same_visits=same_visits
    )


def _zones(stored: Mapping[str, Any]) -> list[ReplayZones]:
    shapes = [(None, stored["every"]), *sorted(stored["cameras"].items())]
    return [
        ReplayZones(
            camera_id=camera_id,
            zones=[ReplayZone(**zone | {"polygon": points_of(zone["polygon"])}) for zone in each["zones"]],
            lines=[ReplayLine(**line | {"points": points_of(line["points"])}) for line in each["lines"]],
        )
        for camera_id, each in shapes
        if each is not None
    ]


def _shifts(stored: Mapping[str, Any]) -> ReplayShifts:
    return ReplayShifts(
        shifts=[shown(Shift, _read(row)) for row in stored["shifts"]],
        exceptions=[shown(ShiftException, _read(row)) for row in stored["exceptions"]],
    )


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of shifts that JSON has held."""
    return {name: _READ[name](value) if name in _READ and value is not None else value for name, value in row.items()}


def restatement_of(row: RowMapping) -> Restatement:
    """The restatement in a row."""
    fields = dict(row)
    return Restatement(start=fields.pop("range_from"), stop=fields.pop("range_to"), **fields)


@strawberry.type
class ReplayRunQuery:
    """Queries about replay runs and restated ranges."""

    @resolved
    async def replay_runs(
        self, info: Info, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[ReplayRun]:
        """Every run, newest first."""
        return await runs_connection(info.context.services, first, after)

    @resolved
    async def replay_run(self, info: Info, run_id: strawberry.ID) -> ReplayRun | None:
        """The run with this id."""
        return await ReplayRun.by_key(info, run_id)

    @resolved
    async def restatements(
        self,
        info: Info,
        camera_ids: list[strawberry.ID],
        range: TimeRange,  # noqa: A002 - the argument's public name
    ) -> list[Restatement]:
        """The corrections of these cameras that touch the range, by camera, newest first."""
        span = checked(range)
        found = await info.context.services.database.run(restatements_within, camera_ids, (span.start, span.stop))
        return [restatement_of(row) for row in found]
