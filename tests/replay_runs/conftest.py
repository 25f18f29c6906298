"""A small installation of its own for each test: a camera that folds and a database that follows, on the real broker."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from aforo.cli import main
from infra.local.stack import Stack
from schemas.settings import KafkaSettings
from tests.projections.databases import fresh_database
from tests.replay_runs.installation import Installation
from tests.replay_runs.scenes import a_walk


@pytest.fixture
def installation(stack: Stack, kafka: KafkaSettings, topics_exist: None, database: str) -> Iterator[Installation]:
    """Its cameras and its replays work until the test is over."""
    del topics_exist
    with Installation(stack, kafka, database) as running:
        yield running


@pytest.fixture(scope="module")
def walked(stack: Stack, kafka: KafkaSettings, topics_exist: None) -> Iterator[Installation]:
    """One for all tests of a module, that has seen a walk; for runs that are not adopted."""
    del topics_exist
    with fresh_database(stack, "apache") as database, Installation(stack, kafka, database) as running:
        running.live(a_walk())
        yield running


@pytest.fixture
def aforo(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The `aforo` command of that installation."""
    for name, value in {**installation.environment(), "COLUMNS": "500"}.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(main, arguments)
