"""The lag a worker tells of its own partitions: from what came with its records, and no longer than it has them."""

import faust
import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from schemas.settings import KafkaSettings
from stream_processors.runtime.consumer_lag import ConsumerLag
from stream_processors.runtime.faust_app import make_app

TOPIC = "test.lag"


@pytest.fixture
def app() -> faust.App:
    return make_app("test", KafkaSettings(bootstrap="127.0.0.1:1"))


def told(partition: int) -> float | None:
    return REGISTRY.get_sample_value("aforo_consumer_lag_messages", {"topic": TOPIC, "partition": str(partition)})


def test_it_is_what_lies_between_the_worker_and_the_end_it_has_heard_of(app: faust.App) -> None:
    app.monitor.track_tp_end_offset(TP(TOPIC, 0), 100)
    lag = ConsumerLag(app, TOPIC)
    lag.reached({0: 40, 1: 7})
    assert (told(0), told(1)) == (60, 0)
    lag.reached({0: 101, 1: 7})
    assert told(0) == 0


def test_of_a_partition_that_was_given_up_nothing_is_told(app: faust.App) -> None:
    lag = ConsumerLag(app, TOPIC)
    lag.reached({0: 1, 1: 1})
    lag.reached({1: 1})
    assert (told(0), told(1)) == (None, 0)
    lag.reached({})
    assert told(1) is None
