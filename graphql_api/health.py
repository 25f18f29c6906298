"""Is the process alive, and can it answer: /livez, /readyz, /metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from confluent_kafka import KafkaException
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from graphql_api.context import Services
from graphql_api.errors import ApiError
from graphql_api.sql.commands import alive

OK = "ok"


def health_router(services: Services, ask_kafka: Callable[[float], None]) -> APIRouter:
    """The routes of a process; `ask_kafka(timeout_s)` blocks and raises KafkaException when there is no answer."""
    router = APIRouter(include_in_schema=False)
    patience_s = services.settings.ready_timeout_s

    async def database() -> None:
        await services.database.run(alive)

    async def kafka() -> None:
        await asyncio.to_thread(ask_kafka, patience_s)

    async def feed() -> None:
        if not services.live.connected:
            raise ConnectionError("the live topics are not being followed yet")

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        """The event loop answers."""
        return {"status": OK}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 when queries, mutations and subscriptions can work; else 503 with a reason for each part."""
        parts = {"database": database, "kafka": kafka, "feed": feed}
        found = await asyncio.gather(*(_verdict(check, patience_s) for check in parts.values()))
        ready = set(found) == {OK}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(dict(zip(parts, found, strict=True)), status)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _verdict(check: Callable[[], Awaitable[None]], patience_s: float) -> str:
    try:
        async with asyncio.timeout(patience_s):
            await check()
    except TimeoutError:
        return f"no answer within {patience_s:g} s"
    except KafkaException as error:
        return str(error.args[0].str())
    except (ApiError, ConnectionError) as error:
        return str(error)
    return OK
