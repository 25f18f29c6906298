"""Replay runs: asking for them, how far they are, what they changed; and which ranges of cameras are restated."""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import first, following, rows

_RUN = """run_id, requested_by, requested_at, cameras, range_from, range_to, zones, parameters, shifts, state, progress, error,
    fold_version, digest, approximate, summary, started_at, finished_at"""
_KEY = ["requested_at", "run_id"]

_REQUEST = f"""
WITH asked AS (
  INSERT INTO replay_runs (run_id, requested_by, cameras, range_from, range_to, zones, parameters, shifts)
  VALUES (:run_id, :requested_by, :cameras, :start, :stop, CAST(:zones AS jsonb), CAST(:parameters AS jsonb),
    CAST(:shifts AS jsonb))
  ON CONFLICT (run_id) DO NOTHING RETURNING {_RUN}
)
SELECT {_RUN} FROM asked
UNION ALL SELECT {_RUN} FROM replay_runs WHERE run_id = :run_id AND NOT EXISTS (SELECT FROM asked)
"""
_ASK = f"""
WITH asked AS (
  UPDATE replay_runs SET state = :wanted, error = NULL, updated_at = now()
  WHERE run_id = :run_id AND state = ANY(:allowed) RETURNING {_RUN}
)
SELECT {_RUN} FROM asked
UNION ALL SELECT {_RUN} FROM replay_runs WHERE run_id = :run_id AND NOT EXISTS (SELECT FROM asked)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to replay: `cameras` (None: all) from `start` up to `stop`, and what holds there instead (None: what held).

    `zones` is {"every": shapes or None, "cameras": {camera id: shapes}}, shapes being {"zones": [...], "lines": [...]};
    `parameters` has track_timeout_ms, max_gap_ms and judge_again; `shifts` is {"shifts": rows of shifts, "exceptions": rows of
    shift_exceptions}.
    """

    run_id: str
    requested_by: str
    cameras: Sequence[str] | None
    start: datetime
    stop: datetime
    zones: Mapping[str, Any] | None
    parameters: Mapping[str, int]
    shifts: Mapping[str, Any] | None

    def asks_for(self, run: RowMapping) -> bool:
        """Whether a run is the one that is asked for."""
        names = {"start": "range_from", "stop": "range_to"}
        asked = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "requested_by"}
        return all(_plain(value) == _plain(run[names.get(name, name)]) for name, value in asked.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something to be done with a run: the state that asks for it, the one it leads to, and those from which it can be asked."""

    asking: str
    done: str
    allowed: tuple[str, ...]

    def holds(self, run: RowMapping) -> bool:
        """Whether it is asked for, or done."""
        return run["state"] in {self.asking, self.done}


ADOPT = Request(asking="ADOPT_REQUESTED", done="ADOPTED", allowed=("DONE",))
DROP = Request(asking="DROP_REQUESTED", done="DROPPED", allowed=("REQUESTED", "RUNNING", "DONE", "FAILED", "ADOPTED"))


def _plain(value: object) -> object:
    """A value as jsonb gives it back."""
    return value if isinstance(value, datetime) else json.loads(json.dumps(value, default=str))


def request_run(connection: Connection, request: RunRequest) -> RowMapping:
    """The run as asked for now, or as it is when there is one with this id."""
    made = first(
        connection,
        _REQUEST,
        run_id=request.run_id,
        requested_by=request.requested_by,
        cameras=None if request.cameras is None else list(request.cameras),
        start=request.start,
        stop=request.stop,
        zones=None if request.zones is None else json.dumps(request.zones),
        parameters=json.dumps(request.parameters),
        shifts=None if request.shifts is None else json.dumps(request.shifts, default=str),
    )
    found = made or run_by_id(connection, request.run_id)  # the same request at the same moment
    assert found is not None, "runs are never deleted"
    return found


def ask(connection: Connection, run_id: str, request: Request) -> RowMapping | None:
    """The run, for which `request` is made if its state allows that; None when there is none."""
    return first(connection, _ASK, run_id=run_id, wanted=request.asking, allowed=list(request.allowed))


def run_by_id(connection: Connection, run_id: str) -> RowMapping | None:
    """The run with this id, or None."""
    return first(connection, f"SELECT {_RUN} FROM replay_runs WHERE run_id = :run_id", run_id=run_id)


def runs_page(connection: Connection, after: dict[str, Any] | None, limit: int) -> Sequence[RowMapping]:
    """Up to `limit` runs, newest first, after the key `after`."""
    return rows(
        connection,
        f"""SELECT {_RUN} FROM replay_runs WHERE {following(after, _KEY, "<")}
            ORDER BY requested_at DESC, run_id DESC LIMIT :limit""",
        limit=limit,
        **(after or {}),
    )


def hour_differences(
    connection: Connection, run_id: str, after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` zones and hours of a run's difference, by camera, zone and hour, after the key `after`."""
    return rows(
        connection,
        f"""SELECT number, camera_id, zone_id, hour, before, after FROM run_hour_differences
            WHERE run_id = :run_id AND {following(after, ["number"], ">")} ORDER BY number LIMIT :limit""",
        run_id=run_id,
        limit=limit,
        **(after or {}),
    )


def visit_differences(
    connection: Connection, run_id: str, change: str | None, after: dict[str, Any] | None, limit: int
) -> Sequence[RowMapping]:
    """Up to `limit` visits of a run's difference, of one kind of change or of all, after the key `after`."""
    return rows(
        connection,
        f"""SELECT number, camera_id, zone_id, change, before_track_no, before_entered_at, before_exited_at,
              after_track_no, after_entered_at, after_exited_at FROM run_visit_differences
            WHERE run_id = :run_id AND coalesce(change = :change, true) AND {following(after, ["number"], ">")}
            ORDER BY number LIMIT :limit""",
        run_id=run_id,
        change=change,
        limit=limit,
        **(after or {}),
    )


def restatements_within(
    connection: Connection, camera_ids: Sequence[str], span: tuple[datetime, datetime]
) -> Sequence[RowMapping]:
    """The restatements of these cameras that touch the half-open `span`, by camera, newest first."""
    return rows(
        connection,
        """SELECT camera_id, restatement, run_id, range_from, range_to, max(restated_at) AS restated_at,
              array_agg(topic ORDER BY topic) AS topics
            FROM restatements
            WHERE camera_id = ANY(:camera_ids) AND range_from < :stop AND range_to > :start
            GROUP BY camera_id, restatement, run_id, range_from, range_to ORDER BY camera_id, restatement DESC""",
        camera_ids=list(camera_ids),
        start=span[0],
        stop=span[1],
    )
