"""A worker whose broker goes: it ends when it is asked to, and the next one finds everything."""

import os
import signal
import time

import pytest

from infra.local.kafka import Kafka
from schemas.settings import KafkaSettings
from schemas.topics import TRACKS
from stream_processors.runtime.exits import UNFINISHED
from tests.runtime.conftest import serve
from tests.runtime.running import NewSite, feeding, moving, until


@pytest.mark.integration
@pytest.mark.full
def test_a_stop_while_the_broker_is_away_ends_in_time_and_loses_nothing(
    own_broker: Kafka, own_kafka: KafkaSettings, new_site: NewSite
) -> None:
    site = new_site(own_kafka, 2)
    workers = site.children()
    with feeding(site, per_second=20):
        workers.start("stopped", "process", "cameras")
        until(lambda: sum(site.ends(TRACKS).values()) > 0, "the first output", workers)
        until(moving(site), "the worker to work", workers)
    running = own_broker.daemon.identity()
    assert running is not None
    with feeding(site, per_second=20):
        os.kill(running.pid, signal.SIGKILL)
        began = time.monotonic()
        assert workers.stop("stopped") in {0, UNFINISHED}
        assert time.monotonic() - began < 10
        serve(own_broker)
    workers.start("next", "process", "cameras")
    until(site.caught_up, "the rest", workers)
    assert workers.stop("next") == 0
    assert site.disagreements() == []
