"""How long a schema that cannot be resolved is waited for, on a clock that only the tests move."""

import struct

import pytest

from schemas.patience import (
    ANSWERS_WITHIN_S,
    NEXT_QUESTION_AFTER_S,
    NEXT_WAIT_AFTER_S,
    REGISTERED_WITHIN_S,
    NotYetError,
    PatientReader,
)
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.wire import UndecodableError, UnknownSchemaError, Wire
from tests.schemas.test_wire import FRAME

NOBODYS = struct.pack(">bI", 0, 999) + b"body"


class Registry(MemoryRegistry):
    """Counts questions, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.questions = 0

    def schema(self, schema_id: int) -> str | None:
        self.questions += 1
        if self.away:
            raise RegistryUnavailableError("no answer")
        return super().schema(schema_id)


class Reading:
    """A patient reader whose user asks again every second."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.registry = Registry()
        self.reader = PatientReader(Wire(self.registry), lambda: self.now)
        self.frame = Wire(self.registry).encode(FRAME)

    def waited(self, value: bytes) -> float:
        """How long until the record is given up."""
        began = self.now
        while True:
            try:
                self.reader.decode(value)
            except NotYetError:
                self.now += 1
            except UnknownSchemaError:
                return self.now - began


@pytest.fixture
def reading() -> Reading:
    return Reading()


def test_an_id_the_registry_does_not_know_is_waited_for_a_moment(reading: Reading) -> None:
    assert reading.waited(NOBODYS) == REGISTERED_WITHIN_S


def test_an_id_that_is_registered_meanwhile_is_read(reading: Reading) -> None:
    later = struct.pack(">bI", 0, 2) + reading.frame[5:]
    with pytest.raises(NotYetError):
        reading.reader.decode(later)
    reading.now += REGISTERED_WITHIN_S - 1
    reading.registry._schemas.append(reading.registry._schemas[0])
    assert reading.reader.decode(later) == FRAME


def test_a_registry_that_is_away_is_waited_for_longer(reading: Reading) -> None:
    reading.registry.away = True
    assert reading.waited(reading.frame) == ANSWERS_WITHIN_S


def test_what_was_seen_before_is_read_while_the_registry_is_away(reading: Reading) -> None:
    reading.reader.decode(reading.frame)
    reading.registry.away = True
    reading.waited(NOBODYS)
    assert reading.reader.decode(reading.frame) == FRAME


def test_after_a_wait_in_vain_no_other_id_is_waited_for(reading: Reading) -> None:
    """However many ids somebody makes up, the others are held up once."""
    reading.waited(NOBODYS)
    for made_up in range(200, 300):
        assert reading.waited(struct.pack(">bI", 0, made_up)) == 0
        reading.now += NEXT_WAIT_AFTER_S - 1
    reading.now += 1
    assert reading.waited(NOBODYS) == REGISTERED_WITHIN_S


def test_a_registry_that_stays_away_is_asked_once_in_a_while(reading: Reading) -> None:
    reading.registry.away = True
    reading.waited(reading.frame)
    asked = reading.registry.questions
    for _ in range(100):
        assert reading.waited(reading.frame) == 0
    assert reading.registry.questions == asked
    for _ in range(100):
        reading.now += NEXT_QUESTION_AFTER_S
        assert reading.waited(reading.frame) == 0
    assert reading.registry.questions == asked + 100


def test_a_registry_that_is_back_is_noticed(reading: Reading) -> None:
    reading.registry.away = True
    reading.waited(reading.frame)
    reading.registry.away = False
    reading.now += NEXT_QUESTION_AFTER_S
    assert reading.reader.decode(reading.frame) == FRAME


@pytest.mark.parametrize("value", [None, b"", b"\1\0\0\0\1", b"{}....", b"\0\0\0\0"])
def test_what_has_no_frame_is_undecodable_even_then(reading: Reading, value: bytes | None) -> None:
    reading.registry.away = True
    reading.waited(reading.frame)
    with pytest.raises(UndecodableError) as refused:
        reading.reader.decode(value)
    assert not isinstance(refused.value, UnknownSchemaError)


def test_a_wait_that_ended_well_is_not_counted_against_the_next(reading: Reading) -> None:
    reading.registry.away = True
    with pytest.raises(NotYetError):
        reading.reader.decode(reading.frame)
    reading.now += 3_600
    reading.registry.away = False
    reading.reader.decode(reading.frame)
    assert reading.waited(NOBODYS) == REGISTERED_WITHIN_S


def test_a_schema_that_is_none_of_ours_is_not_waited_for(reading: Reading) -> None:
    foreign = reading.registry.register("other", '{"type": "record", "name": "Other", "fields": []}')
    assert reading.waited(struct.pack(">bI", 0, foreign)) == 0
