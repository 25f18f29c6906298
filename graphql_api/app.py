"""Puts one API process together: the parts, the routes, and their life from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from fastapi import Depends, FastAPI

from graphql_api import problems
from graphql_api.access.gate import Gate
from graphql_api.commands import Commands, KafkaCommandLog
from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.feed import Arrival, Bounds, Feed, FeedListener
from graphql_api.health import health_router
from graphql_api.limits.body import BodyLimit
from graphql_api.live import Live
from graphql_api.rest import rest_router
from graphql_api.rest_exports import exports_router
from graphql_api.rest_facts import facts_router
from graphql_api.rest_guard import guarded
from graphql_api.rest_replay_runs import replay_runs_router
from graphql_api.rest_session import session_router
from graphql_api.router import graphql_routers
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings
from schemas.registry import SchemaRegistry
from schemas.settings import KafkaSettings
from schemas.signing import Signer
from schemas.topics import CAMERA_EVENTS
from schemas.wire import Wire


def create_app(
    settings: ApiSettings, kafka: KafkaSettings, registry: SchemaRegistry, signer: Signer, database_url: str
) -> FastAPI:
    """The API over a real database and broker, either of which may come later or go away for a while."""
    wire = Wire(registry)
    database = Database(database_url, settings)
    command_log = KafkaCommandLog(kafka, wire, signer, settings.command_timeout_s)
    services = Services(
        settings=settings,
        database=database,
        live=Live(settings.visit_ring_size, [len(ends) for ends in kafka.grown]),
        commands=Commands(command_log, database, settings.command_timeout_s),
    )

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        del app
        feed = Feed(kafka, wire, settings.visit_ring_size, _listener(services, asyncio.get_running_loop()))
        feed.start()
        first = asyncio.create_task(services.access.sign_in.bootstrap_when_it_can())
        try:
            yield
        finally:
            first.cancel()
            await asyncio.to_thread(feed.stop)
            await asyncio.to_thread(command_log.close)
            database.close()

    return assemble(services, command_log.topics, life)


def assemble(
    services: Services,
    ask_kafka: Callable[[float], None],
    life: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """The routes over `services`; `life` starts and stops what runs beside them."""
    app = FastAPI(
        title="Aforo", version="1", lifespan=life, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    problems.install(app)
    app.add_middleware(Gate, access=services.access)
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body_bytes)
    for router in (
        *graphql_routers(api_schema(), services),
        session_router(services),
        health_router(services, ask_kafka),
    ):
        app.include_router(router)
    for guarded_router in (rest_router, facts_router, exports_router, replay_runs_router):
        app.include_router(guarded_router(services), dependencies=[Depends(guarded(services))])
    return app


def take(services: Services, arrivals: Sequence[Arrival]) -> None:
    """Give each record of the live topics to the parts that keep or await it."""
    for arrival in arrivals:
        services.live.take(arrival)
        if arrival.topic == CAMERA_EVENTS and arrival.event is not None:
            services.commands.heard(arrival.event)


def serve(app: FastAPI, settings: ApiSettings) -> None:
    """Serve `app` until SIGINT or SIGTERM."""
    uvicorn.Server(server_config(app, settings)).run()


def server_config(app: FastAPI, settings: ApiSettings) -> uvicorn.Config:
    """How the server speaks: without per-message deflate, which costs memory and time for each client."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=settings.max_body_bytes,
        limit_concurrency=settings.max_connections,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )


def _listener(services: Services, loop: asyncio.AbstractEventLoop) -> FeedListener:
    def began(bounds: Mapping[str, Bounds]) -> None:
        loop.call_soon_threadsafe(services.live.begin, bounds)

    def arrived(arrivals: Sequence[Arrival]) -> None:
        loop.call_soon_threadsafe(take, services, arrivals)

    def connected(now: bool) -> None:
        services.live.connected = now

    return FeedListener(began, arrived, connected)
