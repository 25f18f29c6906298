"""What the runtime relies on in Faust; a new version must be read and chaos-tested before it is used."""

import inspect
from importlib.metadata import version

import faust
import pytest
from faust.app.base import App
from faust.streams import Stream

from schemas.settings import KafkaSettings
from schemas.topics import DERIVED_RECORD_BYTES
from stream_processors.runtime.faust_app import make_app


@pytest.fixture
def app() -> faust.App:
    return make_app("test", KafkaSettings(bootstrap="127.0.0.1:1,127.0.0.1:2"))


def test_faust_is_the_version_that_was_read_and_chaos_tested() -> None:
    assert version("faust-streaming") == "0.15.3"


def test_batches_can_be_taken_without_acknowledging_them() -> None:
    assert list(inspect.signature(Stream.noack_take).parameters) == ["self", "max_", "within"]


def test_a_worker_can_see_that_others_wait_for_its_partitions(app: faust.App) -> None:
    assert app.rebalancing is False
    assert app.should_stop is False
    assert "self.rebalancing = True" in inspect.getsource(App.on_rebalance_start)


def test_the_app_has_the_settings_that_lose_nothing(app: faust.App) -> None:
    assert app.conf.agent_supervisor.__name__ == "CrashingSupervisor"
    assert app.conf.processing_guarantee == faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE
    assert app.conf.stream_wait_empty is True
    assert app.conf.topic_allow_declare is False
    assert app.conf.web_enabled is False
    assert app.conf.consumer_max_fetch_size == DERIVED_RECORD_BYTES
    assert [str(url) for url in app.conf.broker] == ["kafka://127.0.0.1:1", "kafka://127.0.0.1:2"]


def test_no_app_keeps_tables(app: faust.App) -> None:
    assert app.tables.changelog_topics == set()
