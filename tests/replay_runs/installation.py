"""An installation in this process, on the real broker and database: one camera's shell and the projector, driven by hand.

Its camera has a name of its own, so that tests share the broker; what others wrote is left to them.
"""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import msgspec
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Consumer, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import RowMapping, create_engine
from sqlalchemy.pool import NullPool

from graphql_api.sql.replay_runs import Request, RunRequest, ask, request_run, run_by_id
from infra.local.stack import Stack
from schemas.events import Command, Event, LogRecord
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, TRACKS, ZONE_MINUTES, ZONE_VISITS
from schemas.wire import Wire
from stream_processors.agents.camera_fold import APP, CameraFold
from stream_processors.agents.replays import Replays
from stream_processors.projections.projector import Projector, SourceRecord
from stream_processors.projections.timescale import TimescaleStore
from stream_processors.replay import engine
from stream_processors.runs.publishing import Publisher
from stream_processors.runtime.messages import Message as Source
from stream_processors.runtime.messages import Outgoing
from stream_processors.runtime.reading import Reader
from tests.projections.databases import query

SIGNER = Signer(Ed25519PrivateKey.generate())
PROJECTED = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS)
LOOK_EVERY_S = 0.2
PATIENCE_S = 30.0
_VISITS = """SELECT zone_id, (extract(epoch FROM entered_at) * 1000)::bigint, dwell_ms, restatement, zones_revision,
  restated_at IS NOT NULL FROM {} ORDER BY entered_at, zone_id"""


class Installation:
    """One camera and its numbers. What is appended to its log is folded, and what is said projected, by `catch_up`."""

    def __init__(self, stack: Stack, kafka: KafkaSettings, database: str) -> None:
        self.kafka = kafka
        self.database = database
        self.registry_url = stack.registry_url
        self.wire = Wire(HttpRegistry(stack.registry_url))
        self.camera = f"camera-{uuid.uuid4().hex[:8]}"
        self.publisher = Publisher(kafka, self.wire, SIGNER)
        self._fold = CameraFold(self.wire, Verifier({SIGNER.key_id: SIGNER.key.public_key()}))
        self._state = self._fold.new(self.camera.encode())
        self._producer = Producer(kafka.producer())
        self._group = Consumer(kafka.client() | {"group.id": APP, "enable.auto.commit": "false"})
        self._reader = Reader(kafka, f"test-{uuid.uuid4()}")
        self._store = TimescaleStore(database)
        self._projector = Projector(self._store, self.wire, _NoLetters(), lambda *_: 2**62, threading.Event().wait)
        partitions = list(range(kafka.partitions))
        self.partition = DefaultPartitioner()(self.camera.encode(), partitions, partitions)
        self._next = {topic: self._reader.bounds(topic, self.partition)[1] for topic in (CAMERA_LOG, *PROJECTED)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.publisher.close()
        self._producer.close()
        self._group.close()
        self._reader.__exit__()
        self._store.close()

    def live(self, records: Iterable[LogRecord]) -> None:
        """Append records to the camera's log, under its name, and let them be folded and projected."""
        for record in records:
            named = msgspec.structs.replace(record, camera_id=self.camera)
            if isinstance(named, Command):
                self._producer.flush()
                self.publisher.command(named)
            else:
                self._producer.produce(CAMERA_LOG, self.wire.encode(named), self.camera.encode())
        assert self._producer.flush(PATIENCE_S) == 0
        self.catch_up()

    def catch_up(self) -> None:
        """Fold what is new in the log, and project what is new in the topics."""
        for each in asyncio.run(self._folded(self._new(CAMERA_LOG))):
            self._producer.produce(each.topic, each.value, each.key, self.partition, headers=each.headers)
        assert self._producer.flush(PATIENCE_S) == 0
        folded = TopicPartition(CAMERA_LOG, self.partition, self._next[CAMERA_LOG])
        self._group.commit(offsets=[folded], asynchronous=False)
        for topic in PROJECTED:
            self._projector.project(
                SourceRecord(topic, self.partition, each.offset, each.appended_at, each.key, each.value, each.headers)
                for each in self._new(topic)
            )

    async def _folded(self, log: Iterable[Source]) -> list[Outgoing]:
        said: list[Outgoing] = []
        for message in log:
            self._state, outputs = await self._fold.apply(self._state, message)
            said += outputs
        return said

    @contextmanager
    def running(self) -> Iterator[None]:
        """The camera answers, and the database follows, meanwhile."""
        stopping = threading.Event()

        def run() -> None:
            while not stopping.wait(LOOK_EVERY_S):
                self.catch_up()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(PATIENCE_S)

    @contextmanager
    def replays(self, kafka: KafkaSettings | None = None) -> Iterator[Replays]:
        """A worker of the replays app, at this broker or another; `work` lets it do one thing."""
        source = engine.Log(kafka or self.kafka, self.registry_url)
        publisher = partial(Publisher, self.kafka, self.wire, SIGNER)
        worker = Replays(self.database, source, publisher, threading.Event(), jobs=1)
        try:
            yield worker
        finally:
            worker.close()

    def work(self) -> None:
        """Let a worker do all that is asked for, while the camera answers and the database follows."""
        with self.replays() as worker, self.running():
            while worker.work():
                pass
        self.catch_up()

    def done(self, start: int, stop: int, **asked: Any) -> str:
        """A run that is done; its id."""
        run_id = self.request(start, stop, **asked)
        self.work()
        assert self.run(run_id)["state"] == "DONE", self.run(run_id)["error"]
        return run_id

    def request(self, start: int, stop: int, **asked: Any) -> str:
        """Ask for a run of the camera over [start, stop) in UTC ms; its id."""
        wanted = {"zones": None, "parameters": {}, "shifts": None, "cameras": [self.camera]} | asked
        request = RunRequest(
            run_id=str(uuid.uuid4()), requested_by="tester", start=moment(start), stop=moment(stop), **wanted
        )
        return str(self.sql(request_run, request)["run_id"])

    def ask(self, run_id: str, request: Request) -> None:
        """Ask for a run's adoption or end."""
        assert request.holds(self.sql(ask, run_id, request))

    def run(self, run_id: str) -> RowMapping:
        """The run as it is now."""
        found: RowMapping = self.sql(run_by_id, run_id)
        return found

    def sql(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a query function of the API answers."""
        sessions = create_engine(self.database, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with sessions.connect() as connection:
            return function(connection, *arguments)

    def environment(self) -> dict[str, str]:
        """What leads the `aforo` command here."""
        return {
            "AFORO_KAFKA__BOOTSTRAP": self.kafka.bootstrap,
            "AFORO_REGISTRY__URL": self.registry_url,
            "AFORO_DATABASE__URL": self.database,
        }

    def visits(self, relation: str = "current_zone_visits") -> list[tuple[Any, ...]]:
        """Zone, beginning and dwell of each visit, under which restatement and zones revision, and whether it says restated."""
        return query(self.database, _VISITS.format(relation))

    def restated(self, topic: str) -> list[Event]:
        """What a topic holds under a restatement, in order."""
        return [self.wire.decode(message.value) for message in self.topic(topic) if self.is_restated(message)]

    def is_restated(self, message: Source) -> bool:
        """Whether it belongs to a restatement."""
        return bool(getattr(self.wire.decode(message.value), "restatement", 0))

    def topic(self, topic: str) -> list[Source]:
        """What a topic holds of the camera, from the beginning."""
        _, end = self._reader.bounds(topic, self.partition)
        return [each for each in self._reader.read({(topic, self.partition): (0, end)}) if self._ours(each)]

    def _new(self, topic: str) -> list[Source]:
        begin, (_, end) = self._next[topic], self._reader.bounds(topic, self.partition)
        self._next[topic] = end
        return [each for each in self._reader.read({(topic, self.partition): (begin, end)}) if self._ours(each)]

    def _ours(self, message: Source) -> bool:
        return message.key == self.camera.encode()


class _NoLetters:
    """A projector that sets nothing aside."""

    def set_aside(self, record: SourceRecord, reason: str, detail: str) -> None:
        raise AssertionError(f"{record.topic} {record.offset}: {reason} {detail}")


def moment(utc_ms: int) -> datetime:
    return datetime.fromtimestamp(utc_ms / 1_000, UTC)


def zones(*shapes: Any, camera_id: str | None = None) -> Mapping[str, Any]:
    """These zones as a run stores them, of one camera or of every one."""
    told = {"zones": msgspec.to_builtins(shapes), "lines": []}
    return {"every": None, "cameras": {camera_id: told}} if camera_id else {"every": told, "cameras": {}}
