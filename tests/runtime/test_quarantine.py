"""A camera that sends nothing but poison costs little, and is tried again; the worker and other cameras do not notice."""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas.events import ConfigureCamera, RecordRefused, Refusal
from schemas.topics import CAMERA_EVENTS, DEAD_LETTERS
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.runtime import quarantine
from stream_processors.runtime.messages import Message, Outgoing
from stream_processors.runtime.quarantine import AFTER, PROBE_EVERY
from tests.runtime.logs import frame, make_fold, make_wire, message, signed

WIRE = make_wire()
POISON = WIRE.encode(msgspec.structs.replace(frame(0), scores=b"\0\0\0"))
GOOD = WIRE.encode(frame(0))


@pytest.fixture(autouse=True)
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged; structlog's own console would draw a traceback for every poison record."""
    with capture_logs() as said:
        yield said


@pytest.fixture
def fold() -> CameraFold:
    return make_fold(WIRE)


def apply(fold: CameraFold, state: Guarded, *messages: Message) -> tuple[Guarded, list[Outgoing]]:
    async def run() -> tuple[Guarded, list[Outgoing]]:
        after, outputs = state, list[Outgoing]()
        for each in messages:
            after, outputs = await fold.apply(after, each)
        return after, outputs

    return asyncio.run(run())


def refusal(outputs: list[Outgoing]) -> Refusal | None:
    named = [WIRE.decode(output.value) for output in outputs if output.topic == CAMERA_EVENTS]
    return next((event.reason for event in named if isinstance(event, RecordRefused)), None)


def poisoned(fold: CameraFold, records: int) -> Guarded:
    """A camera whose last records were all poison."""
    return apply(fold, fold.new(b"c1"), *(message(POISON, offset) for offset in range(records)))[0]


@given(st.integers(0, 10 * PROBE_EVERY))
def test_before_the_quarantine_all_frames_are_tried_and_in_it_one_in_a_hundred(records: int) -> None:
    tried = [not quarantine.closed(each) for each in range(records)]
    assert sum(tried) == min(records, AFTER) + max(records - AFTER, 0) // PROBE_EVERY


def test_frames_are_refused_untried_after_so_many_in_a_row(fold: CameraFold) -> None:
    state = poisoned(fold, AFTER - 1)
    state, outputs = apply(fold, state, message(POISON, AFTER - 1))
    assert refusal(outputs) == "POISON"
    before = state
    state, outputs = apply(fold, state, message(GOOD, AFTER))
    assert refusal(outputs) == "QUARANTINED"
    assert {output.topic for output in outputs} == {DEAD_LETTERS, CAMERA_EVENTS}
    assert state.camera is before.camera


def test_one_that_can_be_folded_in_between_starts_the_count_anew(fold: CameraFold) -> None:
    state, _ = apply(fold, poisoned(fold, AFTER - 1), message(GOOD, AFTER))
    assert state.poisoned == 0


def test_a_probe_that_can_be_folded_frees_the_camera(fold: CameraFold) -> None:
    state = Guarded(fold.new(b"c1").camera, AFTER + PROBE_EVERY - 1)
    state, outputs = apply(fold, state, message(GOOD, 500))
    assert refusal(outputs) is None
    assert state.poisoned == 0


def test_a_command_is_always_tried_and_frees_the_camera(fold: CameraFold) -> None:
    command = ConfigureCamera(camera_id="c1", command_id="k", name="Yard")
    state, outputs = apply(fold, poisoned(fold, AFTER), signed(WIRE, command, AFTER))
    assert refusal(outputs) is None
    assert (state.camera.settings.name, state.poisoned) == ("Yard", 0)


def test_records_that_anyone_could_have_written_neither_add_nor_free(fold: CameraFold) -> None:
    command = ConfigureCamera(camera_id="c1", command_id="k", name="Yard")
    state = poisoned(fold, AFTER)
    after, outputs = apply(fold, state, message(WIRE.encode(command), AFTER))
    assert refusal(outputs) == "UNSIGNED"
    assert after is state


def test_the_registry_is_not_asked_for_a_quarantined_camera(fold: CameraFold) -> None:
    unknown = b"\0\0\0\x03\xe7" + b"x"
    _, outputs = apply(fold, poisoned(fold, AFTER), message(unknown, AFTER))
    assert refusal(outputs) == "QUARANTINED"


def test_the_quarantine_survives_a_restart(fold: CameraFold) -> None:
    state = poisoned(fold, AFTER)
    restored = fold.load(b"c1", 0, fold.dump(state, 0, AFTER))
    assert refusal(apply(fold, restored, message(GOOD, AFTER))[1]) == "QUARANTINED"


def test_another_camera_is_not_touched(fold: CameraFold) -> None:
    poisoned(fold, AFTER)
    other = WIRE.encode(frame(0, camera_id="c2"))
    _, outputs = apply(fold, fold.new(b"c2"), message(other, 0, key=b"c2"))
    assert refusal(outputs) is None


def test_entering_and_leaving_are_said_once(fold: CameraFold, said: list[MutableMapping[str, Any]]) -> None:
    state = poisoned(fold, AFTER + 10)
    apply(fold, state, signed(WIRE, ConfigureCamera(camera_id="c1", command_id="k", name="Yard"), AFTER))
    told = [entry["event"] for entry in said if "quarantin" in entry["event"]]
    assert told == ["camera quarantined until a record of it can be folded", "camera freed from quarantine"]
