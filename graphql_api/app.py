"""Puts one API process together: the parts, the routes, and their life from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from fastapi import FastAPI

from graphql_api import problems
from graphql_api.commands import Commands, KafkaCommandLog
from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.feed import Arrival, Feed, FeedListener
from graphql_api.health import health_router
from graphql_api.live import Frame, Live, RingEntry
from graphql_api.rest import rest_router
from graphql_api.rest_replay_runs import replay_runs_router
from graphql_api.router import graphql_routers
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings
from schemas.events import LineCrossed, TracksObserved, ZoneEntered, ZoneExited
from schemas.registry import SchemaRegistry
from schemas.settings import KafkaSettings
from schemas.signing import Signer
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
        live=Live(settings.visit_ring_size),
        commands=Commands(command_log, database, settings.command_timeout_s),
    )

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        del app
        feed = Feed(kafka, wire, settings.visit_ring_size, _listener(services, asyncio.get_running_loop()))
        feed.start()
        try:
            yield
        finally:
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
    for router in (
        *graphql_routers(api_schema(), services),
        rest_router(services),
        replay_runs_router(services),
        health_router(services, ask_kafka),
    ):
        app.include_router(router)
    return app


def take(services: Services, arrivals: Sequence[Arrival]) -> None:
    """Give each record of the live topics to the part that keeps it; what is restated is history, not news."""
    for arrival in arrivals:
        match arrival.event:
            case TracksObserved(restatement=0) as tracks:
                services.live.frames.put(Frame(tracks, detector_ms(arrival.headers)))
            case ZoneEntered(restatement=0) | ZoneExited(restatement=0) | LineCrossed(restatement=0) as event:
                services.live.visits.put(RingEntry(arrival.partition, arrival.offset, event))
            case event:
                services.commands.heard(event)


def detector_ms(headers: Mapping[str, bytes]) -> float | None:
    """What the header `detector-ms` says; None when it is missing or no number."""
    try:
        return float(headers["detector-ms"])
    except (KeyError, ValueError):
        return None


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
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )


def _listener(services: Services, loop: asyncio.AbstractEventLoop) -> FeedListener:
    def began(offsets: Mapping[int, int]) -> None:
        loop.call_soon_threadsafe(services.live.visits.begin, offsets)

    def arrived(arrivals: Sequence[Arrival]) -> None:
        loop.call_soon_threadsafe(take, services, arrivals)

    def connected(now: bool) -> None:
        services.live.connected = now

    return FeedListener(began, arrived, connected)
