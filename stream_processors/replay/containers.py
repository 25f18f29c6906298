"""A camera's log as an Avro object container: the shipped record schemas, each with its place in the log.

Reading takes containers of others too: of one kind of record or of several, with the place or without.
https://avro.apache.org/docs/1.12.0/specification/#object-container-files
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

import fastavro
import msgspec
from fastavro.schema import SchemaParseException

from schemas.wire import NAMESPACE, schema_text
from stream_processors.replay.errors import InputError
from stream_processors.replay.lines import RECORDS, Logged, NotARecord, place_of, read_fields

MAGIC = b"Obj\x01"
_DAMAGED = EOFError, LookupError, OverflowError, TypeError, ValueError, MemoryError, SchemaParseException, zlib.error


def read_container(file: IO[bytes]) -> Iterator[Logged | NotARecord]:
    """Every record of a container that is open at its beginning, in order, block by block.

    Raises:
        InputError: the container is damaged.
    """
    number = 0
    try:
        reader = fastavro.reader(file, return_record_name=True, return_record_name_override=True)
        for number, each in enumerate(reader, 1):
            name, fields = each if isinstance(each, tuple) else (_name(reader.writer_schema), each)
            yield read_fields(f"record {number}", name, fields)
    except _DAMAGED as error:
        reason = error or type(error).__name__
        raise InputError(f"the Avro container is damaged after record {number}: {reason}; export it again") from error


def write_container(file: IO[bytes], log: Iterable[Logged]) -> None:
    """Write records in order and block by block."""
    fastavro.writer(file, fastavro.parse_schema(container_schema()), map(_named, log), codec="deflate")


def container_schema() -> Any:
    """The union of the records of a log; each but RecordRefused, which has its own, with the place it had in the log."""
    refused = json.loads(schema_text("RecordRefused"))
    (position,) = [each["type"] for each in refused["fields"] if each["name"] == "position"]
    place = [
        {"name": "position", "type": ["null", position], "default": None},
        {"name": "appended_at", "type": ["null", "long"], "default": None},
    ]
    others = [json.loads(schema_text(each.__name__)) for each in RECORDS if each.__name__ != refused["name"]]
    union = [*({**each, "fields": [*each["fields"], *place]} for each in others), refused]
    return _each_type_once(union, set())


def _named(logged: Logged) -> tuple[str, dict[str, Any]]:
    fields = msgspec.to_builtins(logged.record, builtin_types=(bytes,))
    return f"{NAMESPACE}.{fields.pop('type')}", fields | place_of(logged)


def _each_type_once(schema: Any, known: set[str]) -> Any:
    """The schema with every named type defined where it is first met, as Avro demands, and named from then on."""
    if isinstance(schema, list):
        return [_each_type_once(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("record", "enum"):
        name = f"{NAMESPACE}.{schema['name']}"
        if name in known:
            return name
        known.add(name)
        schema = {"namespace": NAMESPACE, **schema}
    return {key: _each_type_once(value, known) if key in {"type", "fields", "items", "values"} else value
            for key, value in schema.items()}  # fmt: skip


def _name(schema: Any) -> str:
    return str(schema.get("name", "")) if isinstance(schema, dict) else ""
