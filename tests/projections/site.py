"""A camera of its own on the session's broker, and a projector process into a database of its own."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from infra.local.stack import Stack
from schemas.events import Event
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import TRACKS, topic_of
from schemas.wire import Wire
from tests.local_stack import free_ports
from tests.projections.databases import query
from tests.projections.samples import at, track_ended

PARTITION = 2
TODAY = int(time.time()) * 1_000 - 3_600_000  # the projector removes what is older than the privacy retention
PROGRAM = """
import os
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.wire import Wire
from prometheus_client import start_http_server
from stream_processors.agents.projector import run_projector
start_http_server(int(os.environ["METRICS_PORT"]), addr="127.0.0.1")
kafka = KafkaSettings(bootstrap=os.environ["BOOTSTRAP"])
run_projector(kafka, Wire(HttpRegistry(os.environ["REGISTRY"])), os.environ["DATABASE"])
"""


class Site:
    """What a test of the running projector needs."""

    def __init__(self, stack: Stack, kafka: KafkaSettings, database: str, output: Path) -> None:
        self.stack = stack
        self.kafka = kafka
        self.database = database
        self.output = output
        (self._metrics_port,) = free_ports(1)
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
            "PYTHONUNBUFFERED": "1", "METRICS_PORT": str(self._metrics_port),
        }  # fmt: skip
        with self.output.open("a") as output:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def metric(self, name: str, **labels: str) -> float:
        """A sample of the running projector's metrics, which must be there."""
        with urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        (value,) = [
            each.value for family in families for each in family.samples if (each.name, each.labels) == (name, labels)
        ]
        return value

    def count(self, table: str) -> int:
        (row,) = query(self.database, f"SELECT count(*) FROM {table} WHERE camera_id = %s", self.camera)
        return int(row[0])

    def ended(self, first: int, last: int) -> list[Event]:
        return [
            track_ended(camera_id=self.camera, track_no=n, started_at=TODAY + n, position=at(n))
            for n in range(first, last)
        ]


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Another process makes it true; it tells nobody."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.1)
