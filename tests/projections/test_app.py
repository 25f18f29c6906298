"""The projector as a process on the real broker, registry and database: through kills, absences and a lost database."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.local.stack import Stack
from schemas.events import Event
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import DEAD_LETTERS, TRACKS, topic_of
from schemas.wire import Wire
from tests.projections.databases import empty, query
from tests.projections.samples import at, track_ended, zone_entered, zone_exited, zone_minute, zones_defined

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]
PARTITION = 2
TODAY = int(time.time()) * 1_000 - 3_600_000  # the projector removes what is older than the privacy retention
PROGRAM = """
import os
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.wire import Wire
from stream_processors.agents.projector import run_projector
kafka = KafkaSettings(bootstrap=os.environ["BOOTSTRAP"])
run_projector(kafka, Wire(HttpRegistry(os.environ["REGISTRY"])), os.environ["DATABASE"])
"""


class Site:
    """A camera of its own on the session's broker, and a projector into a database of its own."""

    def __init__(self, stack: Stack, kafka: KafkaSettings, database: str, output: Path) -> None:
        self.stack = stack
        self.kafka = kafka
        self.database = database
        self.output = output
        self.camera = f"cam-{uuid.uuid4().hex[:8]}"
        self._wire = Wire(HttpRegistry(stack.registry_url))
        self._producer = Producer(kafka.producer())

    def produce(self, *events: Event | bytes) -> None:
        """Append events, or raw bytes to the tracks."""
        for event in events:
            topic = TRACKS if isinstance(event, bytes) else topic_of(type(event).__name__)
            value = event if isinstance(event, bytes) else self._wire.encode(event)
            self._producer.produce(topic, value, self.camera.encode(), PARTITION)
        assert self._producer.flush(20) == 0

    @contextmanager
    def projector(self) -> Iterator[subprocess.Popen[bytes]]:
        """A projector process, gone at the end however the test ends."""
        environment = os.environ | {
            "BOOTSTRAP": self.kafka.bootstrap, "REGISTRY": self.stack.registry_url, "DATABASE": self.database,
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        with self.output.open("a") as output:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def count(self, table: str) -> int:
        (row,) = query(self.database, f"SELECT count(*) FROM {table} WHERE camera_id = %s", self.camera)
        return int(row[0])

    def ended(self, first: int, last: int) -> list[Event]:
        return [
            track_ended(camera_id=self.camera, track_no=n, started_at=TODAY + n, position=at(n))
            for n in range(first, last)
        ]


@pytest.fixture
def site(stack: Stack, kafka: KafkaSettings, database: str, tmp_path: Path) -> Site:
    return Site(stack, kafka, database, tmp_path / "projector.log")


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Another process makes it true; it tells nobody."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.1)


def dead_letters(site: Site) -> list[dict[str, str]]:
    """Headers of the camera's dead letters, oldest first."""
    consumer = Consumer(site.kafka.client() | {"group.id": site.camera, "enable.partition.eof": "true"})
    consumer.assign([TopicPartition(DEAD_LETTERS, PARTITION, 0)])
    found = []
    while not (message := consumer.poll(20)).error():
        if message.key() == site.camera.encode():
            found.append({name: (value or b"").decode() for name, value in message.headers() or ()})
    consumer.close()
    return found


def test_every_kind_of_record_arrives_and_an_unreadable_one_is_set_aside(site: Site) -> None:
    who = {"camera_id": site.camera}
    visit = who | {"entered_at": TODAY}
    site.produce(*site.ended(0, 3), b"junk", *site.ended(3, 5))
    site.produce(
        zone_entered(**visit),
        zone_exited(**visit),
        zone_minute(**who, minute=TODAY // 60_000 * 60_000),
        zones_defined(camera_id=site.camera),
    )
    with site.projector():
        eventually(lambda: site.count("tracks") == 5 and site.count("zones") == 1 and site.count("zone_hours") == 1)
        eventually(lambda: site.count("zone_visits") == 1)
    (letter,) = dead_letters(site)
    assert (letter["topic"], letter["partition"], letter["reason"]) == (TRACKS, str(PARTITION), "UNDECODABLE")


def test_a_killed_projector_goes_on_where_it_was(site: Site) -> None:
    site.produce(*site.ended(0, 2_000))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    site.produce(*site.ended(1_500, 3_000))
    with site.projector():
        eventually(lambda: site.count("tracks") == 3_000)


def test_an_absent_database_is_waited_for_and_does_not_keep_the_worker_from_ending(site: Site) -> None:
    name = site.database.rpartition("/")[2]
    site.produce(*site.ended(0, 10))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 10)
        site.stack.timescale.close_database(name)
        site.produce(*site.ended(10, 20))
        eventually(lambda: site.output.read_text().count("not currently accepting") > 0)
        query(site.stack.database_url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: site.count("tracks") == 20)
        site.stack.timescale.close_database(name)
        site.produce(*site.ended(20, 30))
        waits = site.output.read_text().count("not currently accepting")
        eventually(lambda: site.output.read_text().count("not currently accepting") > waits)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    query(site.stack.database_url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    with site.projector():
        eventually(lambda: site.count("tracks") == 30)


def test_a_database_that_lost_what_the_group_had_acknowledged_gets_it_again(site: Site) -> None:
    site.produce(*site.ended(0, 50))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 50)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    empty(site.database)
    with site.projector():
        eventually(lambda: site.count("tracks") == 50)


def test_a_running_projector_is_not_misled_by_a_database_set_back_under_it(site: Site) -> None:
    site.produce(*site.ended(0, 50))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 50)
        empty(site.database)
        site.produce(*site.ended(50, 60))
        assert process.wait(timeout=30) != 0
    with site.projector():
        eventually(lambda: site.count("tracks") == 60)
