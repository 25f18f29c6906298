"""Replay runs over REST; the same functions answer as in GraphQL."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from graphql_api.context import Services
from graphql_api.errors import NotFoundError
from graphql_api.pagination import DEFAULT_FIRST
from graphql_api.problems import problem
from graphql_api.replay_difference import VisitChange, VisitDifference, ZoneHourDifference, hours_page, visits_page
from graphql_api.replay_requests import INVALID_STATE, ReplayPayload, ReplayStartInput, adopt_run, drop_run, start_run
from graphql_api.replay_runs import ReplayDifference, ReplayRun, run_of, runs_connection
from graphql_api.rest_models import body_of, given, model_of
from graphql_api.rest_parts import PROBLEM, PROBLEMS, After, First, admitted, next_page
from graphql_api.sql.replay_runs import run_by_id

_RUN = model_of(ReplayRun)
_HOUR, _VISIT = model_of(ZoneHourDifference), model_of(VisitDifference)


class ReplayStart(body_of(ReplayStartInput)):  # type: ignore[misc]  # the base is made at run time
    """What to process again, and what shall hold there; what is left out stays as it was."""

    command_id: Annotated[UUID, Field(description="Yours: the id of the run.")]


class ReplayRuns(BaseModel):
    """A page of runs."""

    runs: list[_RUN]  # type: ignore[valid-type]
    after: Annotated[str | None, Field(description="Where the next page begins; null: this is the last.")]


class ReplayDifferencePage(model_of(ReplayDifference)):  # type: ignore[misc]  # the base is made at run time
    """What a run changes, and a page of each of its lists."""

    hours: list[_HOUR]  # type: ignore[valid-type]
    hours_after: str | None
    visits: list[_VISIT]  # type: ignore[valid-type]
    visits_after: str | None


_PROBLEMS = PROBLEMS | {
    409: {"description": "The run is in another state, or its id belongs to another run."} | PROBLEM
}
_CONFLICTS = {INVALID_STATE, "COMMAND_ID_REUSED"}


def replay_runs_router(services: Services) -> APIRouter:
    """The routes under /api/v1/replay-runs."""
    router = APIRouter(
        prefix="/api/v1/replay-runs", responses=_PROBLEMS, dependencies=[Depends(admitted(services, DEFAULT_FIRST))]
    )

    @router.get("")
    async def replay_runs(first: First = DEFAULT_FIRST, after: After = None) -> ReplayRuns:
        """Every run, newest first."""
        page = await runs_connection(services, first, after)
        return ReplayRuns(runs=[_RUN.model_validate(run) for run in page.nodes], after=next_page(page))

    @router.get("/{run_id}", response_model=_RUN)
    async def replay_run(run_id: str) -> BaseModel:
        """How far a run is, and what it changes in all."""
        return _RUN.model_validate(await _run(services, run_id))

    @router.get("/{run_id}/difference")
    async def replay_run_difference(
        run_id: str,
        first: First = DEFAULT_FIRST,
        hours_after: After = None,
        visits_after: After = None,
        change: VisitChange | None = None,
    ) -> ReplayDifferencePage:
        """What a run changes: by zone and hour, and the visits that are not the same, page by page."""
        found = (await _run(services, run_id)).difference
        if found is None:
            raise NotFoundError(f"Run {run_id!r} has no results: it is not done, or they were dropped.")
        hours = await hours_page(services, run_id, first, hours_after)
        visits = await visits_page(services, run_id, change, first, visits_after)
        return ReplayDifferencePage(
            total=found.total,
            changes=found.changes,
            same_visits=found.same_visits,
            hours=hours.nodes,
            hours_after=next_page(hours),
            visits=visits.nodes,
            visits_after=next_page(visits),
        )

    @router.post("", status_code=HTTPStatus.ACCEPTED, response_model=_RUN)
    async def replay_run_start(request: Request, body: ReplayStart) -> Response:
        """Process a range of history again; its id is your `command_id`. Sent again, it is carried out once."""
        wanted = given(ReplayStartInput, body)
        return _accepted(await start_run(services, wanted, str(body.command_id), request.state.principal.user_id))

    @router.post("/{run_id}/adopt", status_code=HTTPStatus.ACCEPTED, response_model=_RUN)
    async def replay_run_adopt(run_id: str) -> Response:
        """Let a run's results take the place of what holds in its range. Sent again, it is carried out once."""
        return _accepted(await adopt_run(services, run_id))

    @router.post("/{run_id}/drop", status_code=HTTPStatus.ACCEPTED, response_model=_RUN)
    async def replay_run_drop(run_id: str) -> Response:
        """End a run and remove its results; what was adopted stays. Sent again, it is carried out once."""
        return _accepted(await drop_run(services, run_id))

    return router


async def _run(services: Services, run_id: str) -> ReplayRun:
    row = await services.database.run(run_by_id, run_id)
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}.")
    return run_of(row)


def _accepted(answer: ReplayPayload) -> Response:
    if not answer.user_errors:
        return JSONResponse(_RUN.model_validate(answer.run).model_dump(mode="json", by_alias=True), HTTPStatus.ACCEPTED)
    faults = [{"code": each.code, "message": each.message, "field": each.field} for each in answer.user_errors]
    codes = {each.code for each in answer.user_errors}
    status = HTTPStatus.CONFLICT if codes <= _CONFLICTS else HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(status, answer.user_errors[0].code, answer.user_errors[0].message, faults=faults)
