"""The projector app: brings every derived topic into the read model. What it does with a batch is `projections.projector`.

One agent and one thread a topic: Faust goes on with its heartbeats while the thread waits for the database. A record is
acknowledged when it is in the database; how far that is, the database knows.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import faust
import psycopg2
import structlog
from confluent_kafka import KafkaException
from faust.types import TP

from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, DEAD_LETTERS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from schemas.wire import Wire
from stream_processors.projections.alignment import GroupBusyError, align
from stream_processors.projections.errors import TransientError
from stream_processors.projections.lag import Lag
from stream_processors.projections.maintenance import expire
from stream_processors.projections.projector import Projector, SourceRecord, delays
from stream_processors.projections.timescale import TimescaleStore
from stream_processors.runtime import fail_points, metrics
from stream_processors.runtime.consumer_lag import ConsumerLag
from stream_processors.runtime.dead_letters import dead_letter
from stream_processors.runtime.faust_app import make_app, raw_topic, run_worker
from stream_processors.runtime.messages import Message

APP = "aforo-projector"
TOPICS = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS)
BATCH_RECORDS = 1_000
BATCH_WITHIN_S = 0.25
EXPIRE_EVERY_S = 3_600.0
STEP_S = 0.2

log = structlog.get_logger(__name__)


class FaustDeadLetters:
    """Dead letters written through the app's producer, from a thread outside its loop."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._topic = raw_topic(app, DEAD_LETTERS)

    def set_aside(self, record: SourceRecord, reason: str, detail: str) -> None:
        """Return when the broker has it."""
        asyncio.run_coroutine_threadsafe(self._send(record, reason, detail), self._app.loop).result()

    async def _send(self, record: SourceRecord, reason: str, detail: str) -> None:
        letter = dead_letter(APP, Message(**record._asdict()), reason, detail)
        await (
            await self._topic.send(
                key=letter.key, value=letter.value, partition=record.partition, headers=letter.headers
            )
        )


class TopicAgent:
    """Projects one topic of the app in a thread of its own."""

    def __init__(self, app: faust.App, topic: str, projector: Projector) -> None:
        self._projector = projector
        self._next: dict[int, int] = {}
        self._consumer_lag = ConsumerLag(app, topic)
        self._lag = Lag()
        metrics.PROJECTION_LAG.labels(topic).set_function(self._lag.seconds)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=topic)
        app.on_partitions_revoked.connect(self._forget)
        app.on_partitions_assigned.connect(self._forget)
        app.agent(raw_topic(app, topic), name=f"{APP}.{topic}")(self._run)

    async def _forget(self, *_args: Any, **_kwargs: Any) -> None:
        """After the batch at work, without waiting for it."""
        self._thread.submit(self._projector.forget)
        self._next.clear()
        self._tell({})

    async def _run(self, stream: Any) -> None:
        loop = asyncio.get_running_loop()
        async for batch in stream.noack_take(BATCH_RECORDS, within=BATCH_WITHIN_S):
            records = [_source_record(event.message) for event in batch]
            with self._lag.writing([event.message.timestamp for event in batch]):
                self._tell({each.partition: each.offset for each in reversed(records)})
                await loop.run_in_executor(self._thread, self._projector.project, records)
            for event in batch:
                event.ack()
            self._tell({each.partition: each.offset + 1 for each in records})
            fail_points.reached("after-ack")

    def _tell(self, next_offsets: dict[int, int]) -> None:
        self._next |= next_offsets
        self._consumer_lag.reached(self._next)


def projector_app(kafka: KafkaSettings, wire: Wire, database_url: str, *, instance: str = "") -> faust.App:
    """The app that keeps the read model in the database; start it with `run_projector`."""
    app = make_app(APP, kafka, instance=instance)
    letters = FaustDeadLetters(app)
    for topic in TOPICS:
        projector = Projector(TimescaleStore(database_url), wire, letters, _first_offset(app), _wait(app))
        TopicAgent(app, topic, projector)

    async def expire_old_facts() -> None:
        while True:
            await asyncio.to_thread(_expire, kafka, database_url)
            await asyncio.sleep(EXPIRE_EVERY_S)

    app.task(expire_old_facts)
    return app


def run_projector(kafka: KafkaSettings, wire: Wire, database_url: str, *, instance: str = "") -> None:
    """Run the projector in this process until SIGTERM or SIGINT, beginning where the database is."""
    for delay in delays():
        try:
            align(kafka, APP, _stored(kafka, database_url))
            break
        except (KafkaException, GroupBusyError, TransientError) as error:
            log.warning("the projector cannot start yet", reason=str(error), wait_s=round(delay, 1))
        time.sleep(delay)
    run_worker(projector_app(kafka, wire, database_url, instance=instance))


def _stored(kafka: KafkaSettings, database_url: str) -> dict[tuple[str, int], int]:
    store = TimescaleStore(database_url)
    try:
        return {
            (topic, partition): store.next_offset(topic, partition)
            for topic in TOPICS
            for partition in range(kafka.partitions)
        }
    finally:
        store.close()


def _wait(app: faust.App) -> Callable[[float], bool]:
    """Sleeps in short steps, because Faust tells nobody that it ends before it waits for what is in work."""

    def wait(seconds: float) -> bool:
        wake_at = time.monotonic() + seconds
        while not app.should_stop and (left := wake_at - time.monotonic()) > 0:
            time.sleep(min(left, STEP_S))
        return bool(app.should_stop)

    return wait


def _first_offset(app: faust.App) -> Callable[[str, int], int]:
    def first_offset(topic: str, partition: int) -> int:
        place = TP(topic, partition)
        asked = asyncio.run_coroutine_threadsafe(app.consumer.earliest_offsets(place), app.loop)
        return int(asked.result()[place])

    return first_offset


def _expire(kafka: KafkaSettings, database_url: str) -> None:
    try:
        expire(
            database_url,
            privacy_days=kafka.privacy_retention_days,
            facts_days=kafka.facts_retention_days,
            now=datetime.now(UTC),
        )
    except psycopg2.Error as error:
        log.warning("old facts were not removed; the next run will", reason=str(error).strip())


def _source_record(message: Any) -> SourceRecord:
    return SourceRecord(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        appended_at=int(message.timestamp * 1_000),
        key=message.key,
        value=message.value,
        headers=[(name, value) for name, value in (message.headers or ())],
    )
