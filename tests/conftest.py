"""What all tests share: hypothesis profiles, and one real stack a session with a fresh database for each test that asks."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from infra.local.stack import Stack
from infra.local.tools import ensure_tools
from schemas.provision import create_topics, register_schemas
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from tests.local_stack import running_stack
from tests.projections.databases import fresh_database

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, registry and TimescaleDB, started for this test session and gone with it."""
    ensure_tools(install=True, progress=print)
    with running_stack() as running:
        yield running


@pytest.fixture(scope="session")
def kafka(stack: Stack) -> KafkaSettings:
    """How to reach the session's broker."""
    return KafkaSettings(bootstrap=stack.bootstrap)


@pytest.fixture(scope="session")
def topics_exist(stack: Stack, kafka: KafkaSettings) -> None:
    """Every topic and schema is there; tests that share the broker use camera ids of their own."""
    create_topics(kafka)
    register_schemas(HttpRegistry(stack.registry_url))


@pytest.fixture
def database(stack: Stack) -> Iterator[str]:
    """Address of a fresh, migrated TimescaleDB database."""
    with fresh_database(stack, "apache") as url:
        yield url
