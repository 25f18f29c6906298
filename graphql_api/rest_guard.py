"""The guard before every route of REST: the routes by what they ask for. A route that is not listed is refused."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params

from graphql_api.access.guard import FREE, judge
from graphql_api.access.rules import Action
from graphql_api.context import Services
from graphql_api.errors import ForbiddenError

ROUTES: dict[tuple[str, str], Action | None] = {
    ("GET", "/api/v1/health"): FREE,
    ("GET", "/api/v1/viewer"): FREE,
    ("DELETE", "/api/v1/session"): FREE,
    ("GET", "/api/v1/tracking/current"): Action.READ_PERSONS,
    ("GET", "/api/v1/reports/efficiency"): Action.READ,
    ("GET", "/api/v1/occupancy"): Action.READ,
    ("GET", "/api/v1/cameras"): Action.READ,
    ("GET", "/api/v1/cameras/{camera_id}"): Action.READ,
    ("GET", "/api/v1/zones"): Action.READ,
    ("GET", "/api/v1/visits"): Action.READ_PERSONS,
    ("GET", "/api/v1/exports/visits"): Action.READ_PERSONS,
    ("GET", "/api/v1/exports/zone-minutes"): Action.READ_PERSONS,
    ("GET", "/api/v1/replay-runs"): Action.REPLAY,
    ("POST", "/api/v1/replay-runs"): Action.REPLAY,
    ("GET", "/api/v1/replay-runs/{run_id}"): Action.REPLAY,
    ("GET", "/api/v1/replay-runs/{run_id}/difference"): Action.REPLAY,
    ("GET", "/api/v1/replay-runs/{run_id}/efficiency"): Action.REPLAY,
    ("POST", "/api/v1/replay-runs/{run_id}/adopt"): Action.ADMINISTER,
    ("POST", "/api/v1/replay-runs/{run_id}/drop"): Action.REPLAY,
}
_ARGUMENTS = {"site_id": "siteId", "camera_id": "cameraIds", "run_id": "runId"}


def guarded(services: Services) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets a request through when its sender may do what it asks for.

    Raises:
        NotFoundError: something named is not there, or not theirs.
        ForbiddenError: their role does not allow it.
    """

    async def judged(request: Request) -> None:
        route = (request.method, str(request.scope["route"].path))
        if route not in ROUTES:
            raise ForbiddenError("This route is not open to anybody yet.")
        field = "Mutation.replayStart" if route == ("POST", "/api/v1/replay-runs") else " ".join(route)
        arguments = await _arguments(request)
        await judge(services.database, request.state.principal, field, ROUTES[route], arguments)

    return judged


async def _arguments(request: Request) -> dict[str, Any]:
    """What the request says and its route reads, under the names of the schema's arguments; anything else narrows nothing."""
    read = {field.alias for field in get_flat_params(request.scope["route"].dependant)}
    said: dict[str, Any] = {name: request.query_params.getlist(name) for name in request.query_params if name in read}
    arguments = {_ARGUMENTS.get(name, name): value for name, value in (said | request.path_params).items()}
    return arguments | ({"input": await _body(request)} if request.method == "POST" else {})


async def _body(request: Request) -> dict[str, Any]:
    try:
        said = await request.json() if await request.body() else {}
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {}  # the route itself says what is wrong with it
