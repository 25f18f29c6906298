"""GraphQL over HTTP and graphql-transport-ws: what the specification asks beyond what Strawberry answers by itself.

With `application/graphql-response+json` a request error (a document that cannot be run) is a 400 without `data`; with the
older `application/json` it stays a 200. https://graphql.github.io/graphql-over-http/draft/
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cross_web import HTTPException
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graphql_api.access.gate import identify
from graphql_api.cohorts import Cohorts
from graphql_api.context import Context, Services
from graphql_api.errors import ApiError
from graphql_api.schema import Schema
from graphql_api.socket import SharingHandler

GRAPHQL_RESPONSE = "application/graphql-response+json"
LEGACY = "application/json"
HELLO_WITHIN_S = 10.0
_UNAUTHORIZED = 4401


class ConformingRouter(GraphQLRouter[Context, None]):
    """Strawberry's router with the media types and status codes of GraphQL over HTTP, and with shared subscriptions."""

    graphql_transport_ws_handler_class = SharingHandler
    cohorts: Cohorts

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer; one to a document that cannot be run holds no `data`."""
        answer = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            request.state.refused = _status(result)
            answer.pop("data", None)
        return answer

    async def on_ws_connect(self, context: Context) -> Any:
        """Let a socket in whose opener is known, by now; else close it with 4401."""
        assert context.request is not None, "Strawberry sets it"
        try:
            context.principal = await identify(context.services.access, context.request, context.connection_params)
        except ApiError as error:
            context.request.state.close_code = _UNAUTHORIZED
            raise ConnectionRejectionError from error
        return await super().on_ws_connect(context)

    async def run(self, request: Request | WebSocket, context: Any = None, root_value: Any = None) -> Any:
        """Answer a request or serve a socket."""
        if isinstance(request, WebSocket):
            return await super().run(request, context, root_value)
        media_type = preferred(request.headers.get("accept"))
        try:
            response: Response = await super().run(request, context, root_value)
        except HTTPException as error:
            answer = {"errors": [{"message": error.reason, "extensions": {"code": "BAD_REQUEST"}}]}
            return JSONResponse(answer, error.status_code, media_type=media_type)
        if response.media_type == LEGACY:
            response.headers["content-type"] = f"{media_type}; charset=utf-8"
            if media_type == GRAPHQL_RESPONSE:
                response.status_code = getattr(request.state, "refused", response.status_code)
        return response


def _status(refused: PreExecutionError) -> int:
    """The status of a document that was not run: it is wrong, unless something says that it may be right later."""
    later = {"THROTTLED": 429, "POSITION_NOT_REACHED": 503, "SERVICE_UNAVAILABLE": 503}
    codes = [(error.extensions or {}).get("code") for error in refused.errors or ()]
    return next((later[code] for code in codes if code in later), 400)


def preferred(accept: str | None) -> str:
    """The media type to answer with: the newer one when it is named and not liked less than the older one."""
    weights = dict(_weight(item) for item in (accept or "*/*").lower().split(","))
    older = weights.get(LEGACY, weights.get("application/*", weights.get("*/*", 0.0)))
    newer = weights.get(GRAPHQL_RESPONSE, 0.0)
    return GRAPHQL_RESPONSE if newer > 0 and newer >= older else LEGACY


def _weight(item: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip() for part in item.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0


def graphql_router(
    schema: Schema, services: Services, path: str, protocol: str, origins: Sequence[str]
) -> GraphQLRouter[Context, None]:
    """The route `path`, which streams subscriptions by `protocol` only."""

    def context(connection: HTTPConnection) -> Context:
        return Context(services, connection.state.principal)

    router = ConformingRouter(
        schema,
        path=path,
        graphql_ide=None,
        include_in_schema=False,  # OpenAPI describes REST; GraphQL describes itself
        context_getter=context,
        subscription_protocols=(protocol,),
        allowed_origins=origins,
        connection_init_wait_timeout=timedelta(seconds=HELLO_WITHIN_S),
    )
    router.cohorts = Cohorts(schema, json.dumps)
    return router


def graphql_routers(schema: Schema, services: Services) -> list[GraphQLRouter[Context, None]]:
    """`/graphql` with WebSocket, and `/graphql/stream` with server-sent events.

    They are apart because some clients accept `text/event-stream` with every query and do not expect a stream.
    """
    origins = services.settings.allowed_origins
    return [
        graphql_router(schema, services, "/graphql", GRAPHQL_TRANSPORT_WS_PROTOCOL, origins),
        graphql_router(schema, services, "/graphql/stream", GRAPHQL_SSE_PROTOCOL, origins),
    ]
