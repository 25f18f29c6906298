"""What the tests of chaos share."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from schemas import patience


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Refusals are what these tests are about; a traceback of each costs more than the fold."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline no schema will come."""
    monkeypatch.setattr(patience, "REGISTERED_WITHIN_S", 0.0)
