"""Folding a log again: the same words whatever the world was like when it was folded first."""

import pytest

from aforo.audit.refold import Refolded, refold
from schemas import patience
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from tests.chaos.crowd import frames
from tests.chaos.memory import BEGINS_AT, as_log, make_pen
from tests.chaos.mishaps import MISHAPS, Pen
from tests.runtime.logs import VERIFIER


class RegistryThatWent(MemoryRegistry):
    """A registry that is away for whoever asks for a schema."""

    def schema(self, schema_id: int) -> str | None:
        raise RegistryUnavailableError(f"no answer to {schema_id}")


def refolded(pen: Pen, registry: MemoryRegistry) -> Refolded:
    wire = Wire(registry)
    wire.preload()
    records = MISHAPS["unknown schema"].records(pen, next(frames("c1", 1, BEGINS_AT)))
    return refold(as_log(records, pen), CameraFold(wire, VERIFIER), wire)


def test_an_unknown_schema_is_refused_in_the_same_words_whether_the_registry_answers_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "REGISTERED_WITHIN_S", 0.0)
    monkeypatch.setattr(patience, "ANSWERS_WITHIN_S", 0.0)
    there, away = (refolded(make_pen(), registry) for registry in (MemoryRegistry(), RegistryThatWent()))
    assert there.refused == away.refused == {"UNKNOWN_SCHEMA": 1}
    assert there.outputs.keys() == away.outputs.keys()
