"""A broker that a test may spoil: killed, filled with what no other test could live with, or made to refuse records."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infra.local.kafka import Kafka
from infra.local.service import start
from infra.local.stack import READY_WITHIN_S, Stack
from infra.local.tools import ensure_tools
from schemas.provision import create_topics
from schemas.settings import KafkaSettings
from tests.local_stack import settings_for_tests
from tests.runtime.running import NewSite, Site


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker, with every topic, gone with the module."""
    with _running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def own_kafka(own_broker: Kafka) -> KafkaSettings:
    """How to reach it."""
    return KafkaSettings(bootstrap=own_broker.address)


@pytest.fixture
def new_kafka(tmp_path: Path) -> Iterator[KafkaSettings]:
    """A broker for one test alone."""
    with _running_broker(tmp_path / "kafka") as broker:
        yield KafkaSettings(bootstrap=broker.address)


@pytest.fixture
def new_site(stack: Stack, tmp_path: Path) -> Iterator[NewSite]:
    """Makes sites, of a broker and so many cameras; their processes end with the test, however it ends."""
    with ExitStack() as ending:
        yield lambda kafka, cameras: ending.enter_context(Site(stack, kafka, tmp_path, cameras))


@contextmanager
def _running_broker(folder: Path) -> Iterator[Kafka]:
    broker = Kafka(settings_for_tests(folder), 1)
    ensure_tools(install=True, progress=print)
    if not broker.software.is_dir():
        broker.install()
    serve(broker)
    try:
        create_topics(KafkaSettings(bootstrap=broker.address))
        yield broker
    finally:
        broker.daemon.stop()


def serve(broker: Kafka) -> None:
    """Start the broker and return when it serves."""
    start(broker, tied=True)
    broker.daemon.await_ready(broker.problem, READY_WITHIN_S)
