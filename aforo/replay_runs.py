"""Replay runs for the command line: asked for, found, waited for, compared. It must not print."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, create_engine
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from aforo import replay
from aforo.settings import Settings, database_url
from graphql_api.errors import RangeError
from graphql_api.rest_models import body_of, given
from graphql_api.scalars import moment_of
from graphql_api.shifts import ShiftsDefineInput, faults, stored
from graphql_api.sql.cameras import cameras_by_id
from graphql_api.sql.replay_runs import Request, RunRequest, ask, request_run, run_by_id, runs_page
from graphql_api.time_range import TimeRange, whole_minutes
from stream_processors.replay.difference import Difference
from stream_processors.replay.plan import Plan
from stream_processors.replay.sides import folder_difference
from stream_processors.runs.comparison import stored as stored_difference

LOOK_EVERY_S = 0.5
_WITH_RESULTS = frozenset({"DONE", "ADOPT_REQUESTED", "ADOPTED"})
_REQUESTED_BY = "command line"


class Runs:
    """The runs of an installation. What cannot be done is a ClickException that says what to do instead."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, shifts: Path | None, rules: dict[str, Any]) -> str:
        """Ask for a run under `rules`, as `aforo.replay.plan` takes them; its id."""
        plan = replay.plan(**rules)
        self._require_known({*plan.cameras, *plan.zones.cameras})
        minutes = _minutes(plan)
        request = RunRequest(
            run_id=str(uuid.uuid4()),
            requested_by=_REQUESTED_BY,
            cameras=plan.cameras or None,
            start=minutes.start,
            stop=minutes.stop,
            zones=None if rules["zones"] is None else msgspec.to_builtins(plan.zones),
            parameters=plan.parameters.given() | ({"judge_again": True} if plan.judge_again else {}),
            shifts=None if shifts is None else read_shifts(shifts),
        )
        return str(request_run(self._connection, request)["run_id"])

    def newest(self, count: int) -> Sequence[RowMapping]:
        """The newest runs, newest first."""
        return runs_page(self._connection, None, count)

    def find(self, run_id: str) -> RowMapping:
        """The run with this id."""
        found = run_by_id(self._connection, run_id)
        if found is None:
            raise click.ClickException(f"there is no run {run_id!r}; `aforo replay list` shows those there are")
        return found

    def ask(self, run_id: str, request: Request) -> None:
        """Ask for the run's adoption or end."""
        self.find(run_id)
        run = ask(self._connection, run_id, request)
        assert run is not None, "runs are never deleted"
        if not request.holds(run):
            states = " or ".join(request.allowed)
            raise click.ClickException(f"the run is {run['state']}; it must be {states}: look with `aforo replay show`")

    def difference(self, run_id: str) -> Difference:
        """What the run changes."""
        run = self.find(run_id)
        if run["state"] not in _WITH_RESULTS:
            raise click.ClickException(
                f"the run is {run['state']} and has no results; `aforo replay show {run_id}` says more"
            )
        same_visits = run["summary"]["changes"].get("SAME", 0)
        driver: Any = self._connection.connection  # psycopg2's
        with driver.cursor() as cursor:
            return stored_difference(cursor, run_id, same_visits)

    def wait(self, run_id: str, states: Sequence[str], tell: Callable[[RowMapping], None]) -> RowMapping:
        """The run as soon as it is in none of these states; it is told again and again meanwhile."""
        while (run := self.find(run_id))["state"] in states:
            tell(run)
            time.sleep(LOOK_EVERY_S)
        return run

    def _require_known(self, cameras: set[str]) -> None:
        known = {row["camera_id"] for row in cameras_by_id(self._connection, sorted(cameras))}
        if missing := sorted(cameras - known):
            raise click.ClickException(f"there is no camera {', '.join(missing)}; look at the ids again")


@contextmanager
def opened(settings: Settings) -> Iterator[Runs]:
    """The runs of this installation."""
    engine = create_engine(
        database_url(settings), poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}
    )
    try:
        with engine.connect() as connection:
            yield Runs(connection)
    except OperationalError as error:
        reason = str(error.orig).strip()
        raise click.ClickException(f"the database is away: {reason}; start it, or correct its address") from error
    except ProgrammingError as error:
        reason = str(error.orig).partition("\n")[0]
        raise click.ClickException(f"the database is not ready: {reason}; run `aforo init` once") from error


def difference_of_folders(before: Path, after: Path) -> Difference:
    """What changed from one folder of outputs to another."""
    with replay.told():
        return folder_difference(before, after)


def read_shifts(path: Path) -> dict[str, Any]:
    """The shifts and exceptions in a file, as a run stores them.

    Raises:
        click.ClickException: it cannot be read, or has faults; each is named.
    """
    try:
        document = {"site_id": "any", "shifts": [], **json.loads(path.read_bytes())}
        wanted = given(ShiftsDefineInput, body_of(ShiftsDefineInput).model_validate(document))
    except ValidationError as error:
        told = [f"  {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise click.ClickException("\n".join([f"{path}: the shifts cannot be used:", *told])) from error
    except (OSError, ValueError, TypeError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    if found := faults(wanted):
        told = [f"  {'.'.join((fault.field or [])[1:])}: {fault.message}" for fault in found]
        raise click.ClickException("\n".join([f"{path}: the shifts cannot be used:", *told]))
    return {
        "shifts": [stored(each) for each in wanted.shifts],
        "exceptions": [stored(each) for each in wanted.exceptions],
    }


def _minutes(plan: Plan) -> TimeRange:
    if plan.span.start is None or plan.span.stop is None:
        raise click.UsageError("a run needs both --from and --to")
    try:
        minutes = whole_minutes(TimeRange(start=moment_of(plan.span.start), stop=moment_of(plan.span.stop)))
    except RangeError as error:
        raise click.BadParameter(str(error), param_hint="--to") from error
    if minutes.stop > datetime.now(UTC):
        raise click.BadParameter("the range is not over yet", param_hint="--to")
    return minutes
