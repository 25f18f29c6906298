"""Faust's private names and versions that `runtime.checkpoint` relies on; a new Faust must be read before it is used."""

import inspect
from contextvars import ContextVar
from importlib.metadata import version

import faust
from faust.streams import Stream, _current_event
from faust.tables.base import Collection

from schemas.settings import KafkaSettings
from stream_processors.runtime.faust_app import make_app


def test_faust_is_the_version_that_was_read_and_chaos_tested() -> None:
    assert version("faust-streaming") == "0.15.3"


def test_the_current_event_is_a_context_variable() -> None:
    assert isinstance(_current_event, ContextVar)


def test_batches_can_be_taken_without_acknowledging_them() -> None:
    assert list(inspect.signature(Stream.noack_take).parameters) == ["self", "max_", "within"]


def test_a_table_write_returns_the_future_of_its_changelog_record() -> None:
    assert "return self.changelog_topic.send_soon" in inspect.getsource(Collection.send_changelog)


def test_the_app_has_the_settings_that_lose_nothing() -> None:
    app = make_app("test", KafkaSettings(bootstrap="127.0.0.1:1,127.0.0.1:2"))
    assert app.conf.agent_supervisor.__name__ == "CrashingSupervisor"
    assert app.conf.processing_guarantee == faust.types.enums.ProcessingGuarantee.AT_LEAST_ONCE
    assert app.conf.stream_wait_empty is True
    assert app.conf.topic_allow_declare is False
    assert app.conf.producer_acks == -1
    assert app.conf.web_enabled is False
    assert [str(url) for url in app.conf.broker] == ["kafka://127.0.0.1:1", "kafka://127.0.0.1:2"]
