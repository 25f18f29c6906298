"""What the next release would be: records with one optional field more, and a copy of the published language that has it."""

import io
import json
import shutil
import struct
from pathlib import Path

import fastavro
import msgspec

import schemas
from schemas.events import Event
from schemas.registry import SchemaRegistry, subject_of
from schemas.wire import parse, schema_text

FIELD = "lens"
DEFAULT = ""


def next_schema(record: str) -> str:
    """The record's schema in the next release."""
    schema = json.loads(schema_text(record))
    schema["fields"].append({"name": FIELD, "type": "string", "doc": "Added later.", "default": DEFAULT})
    return json.dumps(schema)


def next_id(registry: SchemaRegistry, record: str) -> int:
    """Its id."""
    return registry.register(subject_of(record), next_schema(record))


def encode_next(registry: SchemaRegistry, event: Event) -> bytes:
    """A Kafka value as a producer of the next release writes it."""
    record = type(event).__name__
    body = io.BytesIO()
    fields = msgspec.to_builtins(event, builtin_types=(bytes,)) | {FIELD: "wide"}
    fastavro.schemaless_writer(body, parse(next_schema(record)), fields, disable_tuple_notation=True)
    return struct.pack(">bI", 0, next_id(registry, record)) + body.getvalue()


def copy_of_next(folder: Path, *records: str) -> None:
    """Put the package `schemas` of the next release into a folder, to be imported from there."""
    package = folder / "schemas"
    shutil.copytree(Path(schemas.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    classes = package / "events.py"
    for record in records:
        (package / "avro" / f"{record}.avsc").write_text(next_schema(record))
        before, head, after = classes.read_text().partition(f"class {record}(")
        declared, colon, rest = after.partition(":\n")
        classes.write_text(f"{before}{head}{declared}{colon}    {FIELD}: str = {DEFAULT!r}\n{rest}")
