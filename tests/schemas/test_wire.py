"""The wire format: every event comes back as it was, and whatever else stands in a topic is named, never raised raw."""

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import RECORDS, CameraStatusObserved, Event, FrameObserved, ZoneEntered
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.wire import UndecodableError, UnknownSchemaError, Wire, from_avro, parse, schema_text, to_avro
from tests.schemas.strategies import any_event, events

FRAME = FrameObserved(camera_id="door", session="s", seq=1, observed_at=2, width=4, height=3, boxes=b"", scores=b"")

each_record = pytest.mark.parametrize("record", RECORDS)


class CountingRegistry(MemoryRegistry):
    """A registry that counts what it is asked and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False

    def register(self, subject: str, schema: str) -> int:
        self._ask()
        return super().register(subject, schema)

    def schema(self, schema_id: int) -> str | None:
        self._ask()
        return super().schema(schema_id)

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise RegistryUnavailableError("away")


@pytest.fixture
def registry() -> CountingRegistry:
    return CountingRegistry()


@pytest.fixture
def wire(registry: CountingRegistry) -> Wire:
    return Wire(registry)


# --- what we write comes back ---


@each_record
@given(data=st.data())
@settings(max_examples=15)
def test_an_event_comes_back_equal_from_its_bytes(record: str, data: st.DataObject) -> None:
    event = data.draw(events(record))
    wire = Wire(MemoryRegistry())
    value = wire.encode(event)
    assert wire.decode(value) == event
    assert Wire(wire._registry).decode(value) == event
    assert wire.encode(event) == value


def test_a_value_is_a_zero_byte_the_schema_id_and_the_avro_body(wire: Wire, registry: MemoryRegistry) -> None:
    value = wire.encode(FRAME)
    assert value[0] == 0
    assert registry.schema(int.from_bytes(value[1:5], "big")) == schema_text("FrameObserved")
    assert value[5:] == to_avro(FRAME)


def test_the_registry_is_asked_once_a_record_and_not_missed_afterwards(wire: Wire, registry: CountingRegistry) -> None:
    value = wire.encode(FRAME)
    wire.decode(value)
    asked, registry.away = registry.asked, True
    assert wire.decode(wire.encode(FRAME)) == FRAME
    assert registry.asked == asked == 2


def test_after_preloading_no_record_asks_the_registry(wire: Wire, registry: CountingRegistry) -> None:
    wire.preload()
    registry.away = True
    value = wire.encode(FRAME)
    assert wire.knows(value)
    assert wire.decode(value) == FRAME


def test_a_registry_that_is_away_is_no_fault_of_the_record(wire: Wire, registry: CountingRegistry) -> None:
    value = wire.encode(FRAME)
    registry.away = True
    assert not wire.knows(value)
    with pytest.raises(RegistryUnavailableError):
        wire.decode(value)


# --- what cannot be read ---


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="tombstone"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\0\0\0", id="half a frame"),
        pytest.param(b'{"camera_id": "door"}', id="JSON"),
        pytest.param(b"\x01\0\0\0\x01rest", id="another magic byte"),
    ],
)
def test_what_has_no_confluent_frame_is_undecodable_and_asks_nobody(
    wire: Wire, registry: CountingRegistry, value: bytes | None
) -> None:
    with pytest.raises(UndecodableError, match="no Confluent frame"):
        wire.decode(value)
    assert registry.asked == 0


@given(event=any_event(), data=st.data())
@settings(max_examples=50)
def test_a_truncated_body_is_undecodable(event: Event, data: st.DataObject) -> None:
    body = to_avro(event)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(UndecodableError, match=type(event).__name__):
        from_avro(type(event).__name__, body[:cut])


@given(event=any_event(), more=st.binary(min_size=1, max_size=8))
@settings(max_examples=50)
def test_bytes_after_the_record_are_undecodable(event: Event, more: bytes) -> None:
    with pytest.raises(UndecodableError, match=rf"^{len(more)} bytes follow"):
        from_avro(type(event).__name__, to_avro(event) + more)


@given(record=st.sampled_from(sorted(RECORDS)), body=st.binary(max_size=200))
@settings(max_examples=200)
def test_garbage_is_an_event_or_undecodable_and_nothing_else(record: str, body: bytes) -> None:
    try:
        assert isinstance(from_avro(record, body), RECORDS[record])
    except UndecodableError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(event=any_event(), data=st.data())
@settings(max_examples=100)
def test_a_flipped_bit_gives_an_event_or_undecodable_and_nothing_else(event: Event, data: st.DataObject) -> None:
    body = bytearray(to_avro(event))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        from_avro(type(event).__name__, bytes(body))
    except UndecodableError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


def test_a_length_beyond_all_memory_is_undecodable() -> None:
    longest = b"\xff" * 9 + b"\x01"
    with pytest.raises(UndecodableError):
        from_avro("FrameObserved", longest)


def test_a_value_the_types_refuse_is_undecodable() -> None:
    said = {"camera_id": "door", "command_id": "c", "max_gap_ms": -1}
    with pytest.raises(UndecodableError, match="max_gap_ms"):
        from_avro("ConfigureCamera", written(schema_text("ConfigureCamera"), said))


@pytest.mark.parametrize("schema_id", [1, 2**31, 2**32 - 1])
def test_an_id_the_registry_does_not_know_is_an_unknown_schema(wire: Wire, schema_id: int) -> None:
    with pytest.raises(UnknownSchemaError, match=f"does not know schema id {schema_id}"):
        wire.decode(b"\0" + schema_id.to_bytes(4, "big") + b"rest")


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param('{"type": "record", "name": "Order", "namespace": "shop", "fields": []}', id="another product's"),
        pytest.param('{"type": "record", "name": "Unheard", "namespace": "aforo", "fields": []}', id="a later record"),
        pytest.param('{"type": "record", "name": "FrameObserved", "fields": []}', id="ours without its namespace"),
        pytest.param('"string"', id="no record"),
        pytest.param('syntax = "proto3"; message Frame {}', id="no Avro"),
        pytest.param(
            '{"type": "record", "name": "FrameObserved", "namespace": "aforo", "fields": [1]}', id="no valid Avro"
        ),
    ],
)
def test_a_schema_without_a_type_here_is_unknown(wire: Wire, registry: MemoryRegistry, schema: str) -> None:
    with pytest.raises(UnknownSchemaError, match="schema id 1 "):
        wire.decode(framed(registry.register("subject", schema), b""))


def test_a_writer_schema_that_does_not_resolve_is_undecodable(wire: Wire, registry: MemoryRegistry) -> None:
    schema = json.dumps(changed("FrameObserved", lambda it: it.update(fields=it["fields"][:2])))
    value = framed(registry.register("subject", schema), written(schema, {"camera_id": "door", "session": "s"}))
    with pytest.raises(UndecodableError, match="FrameObserved"):
        wire.decode(value)


# --- other versions of a schema ---


def changed(record: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(schema_text(record))
    change(schema)
    return schema


def written(schema: str, said: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parse(schema), said)
    return out.getvalue()


def framed(schema_id: int, body: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + body


def as_said(event: Event) -> dict[str, Any]:
    said: dict[str, Any] = fastavro.schemaless_reader(
        io.BytesIO(to_avro(event)), parse(schema_text(type(event).__name__)), None
    )
    return said


def test_a_field_added_by_a_later_writer_is_left_out(wire: Wire, registry: MemoryRegistry) -> None:
    lens = {"name": "lens", "type": "string", "default": ""}
    schema = json.dumps(changed("FrameObserved", lambda it: it["fields"].insert(0, lens)))
    value = framed(registry.register("subject", schema), written(schema, as_said(FRAME) | {"lens": "wide"}))
    assert wire.decode(value) == FRAME


@given(frame=events("FrameObserved"))
@settings(max_examples=25)
def test_a_field_an_earlier_writer_lacks_takes_its_default(frame: FrameObserved) -> None:
    registry = MemoryRegistry()
    schema = json.dumps(changed("FrameObserved", lambda it: it["fields"].pop()))
    read = Wire(registry).decode(framed(registry.register("subject", schema), written(schema, as_said(frame))))
    assert isinstance(read, FrameObserved)
    assert (read.appearance, read.scores, read.camera_id) == (b"", frame.scores, frame.camera_id)


def test_a_symbol_added_by_a_later_writer_becomes_other(wire: Wire, registry: MemoryRegistry) -> None:
    status = next(field for field in changed("CameraStatusObserved", id)["fields"] if field["name"] == "status")
    symbols = [*status["type"]["symbols"], "TAMPERED"]
    later = status | {"type": status["type"] | {"symbols": symbols}}
    schema = json.dumps(
        changed(
            "CameraStatusObserved",
            lambda it: it.update(fields=[later if each["name"] == "status" else each for each in it["fields"]]),
        )
    )
    said = {
        "position": {"epoch": 0, "partition": 1, "offset": 2, "index": 0},
        "camera_id": "door",
        "status": "TAMPERED",
        "last_seen_at": 3,
    }
    read = wire.decode(framed(registry.register("subject", schema), written(schema, said)))
    assert isinstance(read, CameraStatusObserved)
    assert (read.status, read.last_seen_at) == ("OTHER", 3)


def test_the_same_schema_in_other_words_is_read_like_our_own(wire: Wire, registry: MemoryRegistry) -> None:
    schema = json.dumps(json.loads(schema_text("ZoneEntered")), indent=None, separators=(",", ":"))
    schema_id = registry.register("subject", schema)
    said = {
        "position": {"epoch": 0, "partition": 1, "offset": 2, "index": 0},
        "camera_id": "door",
        "track_no": 7,
        "zone_id": "desk",
        "zones_revision": 1,
        "entered_at": 10,
        "entered_at_max": 10,
        "entry_reason": "CROSSED",
    }
    read = wire.decode(framed(schema_id, written(schema, said)))
    assert isinstance(read, ZoneEntered)
    assert read.entered_at == 10
