"""GraphQL over HTTP and graphql-transport-ws: what the specification asks beyond what Strawberry answers by itself.

With `application/graphql-response+json` a request error (a document that cannot be run) is a 400 without `data`; with the
older `application/json` it stays a 200. https://graphql.github.io/graphql-over-http/draft/
"""

from collections.abc import Sequence
from typing import Any

from cross_web import HTTPException
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocket
from strawberry.fastapi import GraphQLRouter
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graphql_api.context import Context, Services
from graphql_api.schema import Schema

GRAPHQL_RESPONSE = "application/graphql-response+json"
LEGACY = "application/json"


class ConformingRouter(GraphQLRouter[Context, None]):
    """Strawberry's router with the media types and status codes of GraphQL over HTTP."""

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer; one to a document that cannot be run holds no `data`."""
        answer = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            request.state.refused = True
            answer.pop("data", None)
        return answer

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
            if media_type == GRAPHQL_RESPONSE and getattr(request.state, "refused", False):
                response.status_code = 400
        return response


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
    return ConformingRouter(
        schema,
        path=path,
        graphql_ide=None,
        context_getter=lambda: Context(services),
        subscription_protocols=(protocol,),
        allowed_origins=origins,
    )


def graphql_routers(schema: Schema, services: Services) -> list[GraphQLRouter[Context, None]]:
    """`/graphql` with WebSocket, and `/graphql/stream` with server-sent events.

    They are apart because some clients accept `text/event-stream` with every query and do not expect a stream.
    """
    origins = services.settings.allowed_origins
    return [
        graphql_router(schema, services, "/graphql", GRAPHQL_TRANSPORT_WS_PROTOCOL, origins),
        graphql_router(schema, services, "/graphql/stream", GRAPHQL_SSE_PROTOCOL, origins),
    ]
