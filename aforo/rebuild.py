"""`aforo rebuild`: the projections made anew from the topics beside those in use, then put in their place.

Until the change-over the old tables answer, and the projector goes on writing them. What is filled stays when it is
interrupted, and the next run goes on with it.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import psycopg2
from confluent_kafka import KafkaException
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from aforo import logs
from aforo.lag import PROJECTED, Offsets, behind
from aforo.processes import waiting
from aforo.processes.init import DATABASE_WAIT_S
from aforo.settings import Settings, database_url
from infra.timescale import swap
from infra.timescale.migrate import upgrade
from infra.timescale.swap import PROJECTIONS, REBUILT, REPLACED, TablesBusyError
from schemas.registry import HttpRegistry, RegistryUnavailableError
from schemas.wire import Wire
from stream_processors.projections import keeping
from stream_processors.projections.alignment import TopicRecreatedError
from stream_processors.projections.errors import TransientError
from stream_processors.projections.filling import Filler, Retained, reader, retained
from stream_processors.projections.keeping import Borders, Older
from stream_processors.projections.maintenance import expire
from stream_processors.projections.timescale import CONSUMER, TimescaleStore, libpq_url

# So many are read in seconds, while the live projector waits.
FEW_RECORDS = 20_000
SWAP_TRIES = 100
STEP_S = 0.5

_TURN = text("SELECT pg_try_advisory_lock(hashtext('aforo.rebuild'))")
_MAINTENANCE_WAITS = text("SELECT pg_advisory_xact_lock(hashtext('aforo.maintenance'))")
_HOME = text("SELECT current_schema()")
_THERE = text("SELECT to_regclass(:table) IS NOT NULL")
_OFFSETS = "SELECT topic, part, next_offset FROM {schema}.ingest_offsets WHERE consumer = :consumer"

# A part is away, or a process that filled was ended.
_AWAY = (
    OperationalError, psycopg2.OperationalError, TransientError, KafkaException, RegistryUnavailableError,
    ConnectionError, BrokenProcessPool,
)  # fmt: skip

Tell = Callable[[int, int], None]  # records read, and to be read


class RebuildError(Exception):
    """It cannot be done now; the message says why, and what to do. The tables in use are as they were."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a rebuild would do: so many records to read, and rows that no topic can bring back."""

    records: int
    resumed: bool
    older: Sequence[Older]


@contextmanager
def rebuilding(settings: Settings) -> Iterator["Rebuild"]:
    """The one rebuild of this database that may be under way.

    Raises:
        RebuildError: there is another one.
    """
    waiting.kafka_with_topics(settings.kafka)
    upgrade(database_url(settings), wait_s=DATABASE_WAIT_S)
    url = make_url(database_url(settings)).set(drivername="postgresql+psycopg2")
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(_TURN):
            raise RebuildError("another rebuild is under way; wait for it, or end it")
        yield Rebuild(settings, connection)


@contextmanager
def told() -> Iterator[None]:
    """What ends a rebuild is told in one clear message."""
    try:
        yield
    except (RebuildError, TablesBusyError, TopicRecreatedError) as error:
        raise click.ClickException(str(error)) from error
    except _AWAY as error:
        reason = str(getattr(error, "orig", error)).strip()
        raise click.ClickException(f"{reason}\nWhat is filled stays: run it again to go on.") from error


class Rebuild:
    """The steps of a rebuild, in their order: `survey`, `fill`, `change_over`."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._url = database_url(settings)
        self._connection = connection
        self._home = str(connection.scalar(_HOME))
        self._held = _held(settings)

    def survey(self) -> Survey:
        """Look at what there is; changes nothing.

        Raises:
            RebuildError: there is nothing to go by, or somebody would be left with the old tables.
        """
        if views := swap.foreign_dependents(self._connection):
            raise RebuildError(
                f"{', '.join(views)} would go on reading the old tables. Drop what is not Aforo's own, and make it again after "
                "the rebuild"
            )
        live = self._offsets(self._home)
        if not any(live.values()):
            raise RebuildError("nothing has been projected yet; `aforo process projector` fills the tables")
        with self._cursor(self._home) as cursor:
            older = keeping.older_rows(cursor, self._borders, self._home)
        return Survey(self._total(live), self._is_there(REBUILT), older)

    def discard(self) -> None:
        """Forget what an interrupted rebuild has filled."""
        swap.drop(self._connection, REBUILT)

    def fill(self, jobs: int, tell: Tell, *, drop_older: bool) -> int:
        """Fill new tables, `jobs` partitions at a time, until they are all but level with those in use.

        Returns how many records nobody can take; they are in the dead letters already.
        """
        swap.drop(self._connection, REPLACED)
        if not self._is_there(REBUILT):
            swap.drop(self._connection, REBUILT)  # what a change-over left of it
        upgrade(self._url, wait_s=DATABASE_WAIT_S, schema=REBUILT)
        aside = self._round(jobs, tell)
        self._take_over(drop_older=drop_older)
        while behind(self._offsets(self._home), self._offsets(REBUILT)) > FEW_RECORDS:
            aside += self._round(jobs, tell)
        return aside

    def change_over(self) -> None:
        """Read the last records while the projector waits, and put the new tables in the place of the old.

        Raises:
            TablesBusyError: the old tables are read without a pause; nothing was changed.
        """
        with self._connection.engine.execution_options(isolation_level="READ COMMITTED").begin() as transaction:
            transaction.execute(_MAINTENANCE_WAITS)
            swap.hold_writers(transaction)
            for place, end in self._missing().items():
                _fill_partition(self._settings, place, end)
            swap.swap(transaction, SWAP_TRIES)
        for schema in (REPLACED, REBUILT):
            swap.drop(self._connection, schema)

    def _take_over(self, *, drop_older: bool) -> None:
        """What no topic can bring back; and what the database would have done by itself in the course of time."""
        with self._cursor(REBUILT) as cursor:
            keeping.keep_offsets(cursor, self._home)
            if not drop_older:
                keeping.keep_older(cursor, self._borders, self._home)
        kafka = self._settings.kafka
        days = {"privacy_days": kafka.privacy_retention_days, "facts_days": kafka.facts_retention_days}
        expire(self._url, **days, now=datetime.now(UTC), schema=REBUILT)
        for table in PROJECTIONS:
            self._connection.exec_driver_sql(f"ANALYZE {REBUILT}.{table}")

    def _round(self, jobs: int, tell: Tell) -> int:
        """Once up to where the tables in use are now."""
        live, context = self._offsets(self._home), multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, context, logs.configure, (self._settings.log,)) as pool:
            filling = [pool.submit(_fill_in_child, self._settings, *each) for each in self._missing().items()]
            try:
                while (state := wait(filling, STEP_S, FIRST_EXCEPTION)).not_done:
                    for done in state.done:
                        done.result()
                    tell(self._total(self._offsets(REBUILT)), self._total(live))
                return sum(done.result() for done in filling)
            except BaseException:
                for child in multiprocessing.active_children():
                    child.terminate()  # what it has written stays
                raise

    def _missing(self) -> Offsets:
        """Up to where the new tables have yet to be filled to be level with those in use."""
        filled = self._offsets(REBUILT)
        return {place: end for place, end in self._offsets(self._home).items() if filled.get(place, 0) < end}

    def _offsets(self, schema: str) -> Offsets:
        """How far the tables in a schema hold the topics."""
        if not self._is_there(schema):
            return {}
        found = self._connection.execute(text(_OFFSETS.format(schema=schema)), {"consumer": CONSUMER})
        return {(topic, part): next_offset for topic, part, next_offset in found}

    def _is_there(self, schema: str) -> bool:
        return bool(self._connection.scalar(_THERE, {"table": f"{schema}.ingest_offsets"}))

    def _total(self, offsets: Offsets) -> int:
        """Records from what the topics hold up to these offsets."""
        return sum(max(offsets.get(place, 0) - held.first, 0) for place, held in self._held.items())

    @property
    def _borders(self) -> Borders:
        """By topic that has lost records: from when on every partition holds all of them."""
        lost = [(topic, held.since) for (topic, _), held in self._held.items() if held.since is not None]
        return {topic: max(since for name, since in lost if name == topic) for topic, _ in lost}

    @contextmanager
    def _cursor(self, schema: str) -> Iterator[Cursor]:
        options = f"-c search_path={schema}"
        connecting = psycopg2.connect(libpq_url(self._url), options=options)
        with closing(connecting) as connection, connection, connection.cursor() as cursor:
            yield cursor


def _held(settings: Settings) -> dict[tuple[str, int], Retained]:
    with closing(reader(settings.kafka)) as consumer:
        places = [(topic, partition) for topic in PROJECTED for partition in range(settings.kafka.partitions)]
        return {place: retained(consumer, *place) for place in places}


def _fill_in_child(settings: Settings, place: tuple[str, int], end: int) -> int:
    """The same in a process of its own, which ends with the rebuild's."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "the rebuild has started it"
    try:
        return _fill_partition(settings, place, end, lambda: not parent.is_alive())
    except _AWAY as error:
        raise ConnectionError(str(error)) from error  # the others do not survive the way to the rebuild's process


def _fill_partition(
    settings: Settings, place: tuple[str, int], end: int, stopped: Callable[[], bool] = lambda: False
) -> int:
    """Fill a partition up to `end`; returns how many records were set aside."""
    wire, store = Wire(HttpRegistry(settings.registry.url)), TimescaleStore(database_url(settings), schema=REBUILT)
    with closing(Filler(settings.kafka, wire, store, stopped)) as filler:
        filler.fill(*place, end)
        return filler.aside.count
