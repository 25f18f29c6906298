"""The one wire format: Confluent framing (magic byte, schema id, Avro body) around the records of `schemas.events`.

Encoding and decoding only. Which bytes go to which topic, and what becomes of bytes that cannot be read, is not known here.
Framing: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/ (wire format).
"""

import io
import json
import struct
from functools import cache
from importlib.resources import files
from typing import Any, TypeGuard

import fastavro
import msgspec
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from schemas.events import RECORDS, Event
from schemas.registry import SchemaRegistry, subject_of

_FRAME = struct.Struct(">bI")
_MAGIC = 0
NAMESPACE = "aforo"

# What a body, or a schema of somebody else's making, can make fastavro and msgspec raise.
_MISFITS = EOFError, LookupError, OverflowError, TypeError, ValueError, SchemaParseException, SchemaResolutionError


class UndecodableError(ValueError):
    """The bytes are not what their frame says; the record can never be read."""


class UnknownSchemaError(UndecodableError):
    """The registry does not know the id, or it names a record this code has no type for."""


class UnregisteredSchemaError(UnknownSchemaError):
    """The registry does not know the id; it may be about to be registered."""


@cache
def schema_text(record: str) -> str:
    """The Avro schema of the record called `record`, as shipped."""
    return (files("schemas") / "avro" / f"{record}.avsc").read_text(encoding="utf-8")


def parse(text: str) -> Any:
    """The schema for fastavro, without logical types: times stay the integers they are on the wire."""
    return fastavro.parse_schema(_without_logical_types(json.loads(text)))


@cache
def _own(record: str) -> Any:
    return parse(schema_text(record))


def to_avro(event: Event) -> bytes:
    """The Avro body of `event`: a pure function of it, so equal events are equal bytes."""
    out = io.BytesIO()
    # A tuple is a list here, not a name and a value.
    fastavro.schemaless_writer(out, _own(type(event).__name__), _fields(event), disable_tuple_notation=True)
    return out.getvalue()


def from_avro(record: str, body: bytes, writer: Any = None) -> Event:
    """The event in `body`, written with the parsed schema `writer` (default: the shipped one).

    Raises:
        UndecodableError: the bytes do not fit the schema, or say more than it.
    """
    stream = io.BytesIO(body)
    own = _own(record)
    try:
        fields = fastavro.schemaless_reader(stream, writer or own, own if writer else None)
        event = msgspec.convert(fields, RECORDS[record])
    except _MISFITS as error:
        raise UndecodableError(f"no {record}: {error or type(error).__name__}") from error
    if stream.tell() != len(body):
        raise UndecodableError(f"{len(body) - stream.tell()} bytes follow the {record}")
    return event


class Wire:
    """Frames events with the ids a registry gave, and reads what any registered version wrote.

    Ids are asked for once each and kept; a registry that is away afterwards is not missed.
    """

    def __init__(self, registry: SchemaRegistry) -> None:
        self._registry = registry
        self._frames: dict[str, bytes] = {}
        self._writers: dict[int, tuple[str, Any]] = {}

    def encode(self, event: Event) -> bytes:
        """`event` as a Kafka value."""
        record = type(event).__name__
        frame = self._frames.get(record)
        if frame is None:
            schema_id = self._registry.register(subject_of(record), schema_text(record))
            frame = self._frames[record] = _FRAME.pack(_MAGIC, schema_id)
        return frame + to_avro(event)

    def knows(self, value: bytes | None) -> bool:
        """Whether `decode` can answer without asking the registry."""
        return not _is_framed(value) or _FRAME.unpack_from(value)[1] in self._writers

    def preload(self) -> None:
        """Learn the ids of all records now; afterwards only schemas of other versions ask the registry.

        Raises:
            RegistryUnavailableError: the registry is away.
        """
        for record in RECORDS:
            schema_id = self._registry.register(subject_of(record), schema_text(record))
            self._frames[record] = _FRAME.pack(_MAGIC, schema_id)
            self._writers[schema_id] = record, None

    def decode(self, value: bytes | None) -> Event:
        """The event in a Kafka value.

        Raises:
            UndecodableError: no frame, or a body that does not fit its schema.
            UnknownSchemaError: an id the registry does not know (UnregisteredSchemaError), or a record without a type here.
            RegistryUnavailableError: the id is not cached and the registry is away; try again later.
        """
        if not _is_framed(value):
            raise UndecodableError("no Confluent frame: a value begins with a zero byte and a schema id")
        _, schema_id = _FRAME.unpack_from(value)
        record, writer = self._writers.get(schema_id) or self._learn(schema_id)
        return from_avro(record, value[_FRAME.size :], writer)

    def _learn(self, schema_id: int) -> tuple[str, Any]:
        text = self._registry.schema(schema_id)
        if text is None:
            raise UnregisteredSchemaError(f"the registry does not know schema id {schema_id}")
        try:
            writer = parse(text)
        except _MISFITS as error:
            raise UnknownSchemaError(f"schema id {schema_id} is no Avro: {text[:40]!r}") from error
        name = writer.get("name", "") if isinstance(writer, dict) else ""
        record = name.removeprefix(f"{NAMESPACE}.")
        if record == name or record not in RECORDS:
            raise UnknownSchemaError(f"schema id {schema_id} is {name or text[:40]!r}, no record of Aforo")
        self._writers[schema_id] = record, None if writer == _own(record) else writer
        return self._writers[schema_id]


def _is_framed(value: bytes | None) -> TypeGuard[bytes]:
    return value is not None and len(value) >= _FRAME.size and value[0] == _MAGIC


def _fields(event: Event) -> Any:
    return msgspec.to_builtins(event, builtin_types=(bytes,))


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    return schema
