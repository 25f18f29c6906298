"""The Avro files: valid for both libraries, explained field by field, and the same as the types in schemas/events.py."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import RECORDS
from schemas.wire import NAMESPACE, parse, schema_text
from tests.schemas.strategies import apache, fields

FOLDER = Path(__file__).parents[2] / "schemas" / "avro"

each_record = pytest.mark.parametrize("record", RECORDS)


def test_every_file_is_a_record_of_the_code_and_every_record_has_a_file() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{record}.avsc" for record in RECORDS}


@each_record
def test_apache_avro_accepts_the_schema_as_shipped(record: str) -> None:
    parsed = avro.schema.parse(schema_text(record))
    assert (parsed.type, parsed.name, parsed.namespace) == ("record", record, NAMESPACE)


def described(schema: Any) -> Iterator[Any]:
    """Every record, field and enum of a parsed schema: what has a name and a doc."""
    if schema.type in {"record", "enum"}:
        yield schema
    for field in getattr(schema, "fields", ()):
        yield field
        yield from described(field.type)
    for inner in (getattr(schema, "items", None), getattr(schema, "values", None), *getattr(schema, "schemas", ())):
        if inner is not None:
            yield from described(inner)


@each_record
def test_every_record_enum_and_field_is_explained_in_a_sentence(record: str) -> None:
    assert [each.name for each in described(apache(schema_text(record))) if not (each.doc or "").endswith(".")] == []


@each_record
def test_every_enum_names_the_symbol_that_stands_for_unknown_ones(record: str) -> None:
    enums = [each for each in described(apache(schema_text(record))) if each.type == "enum"]
    assert [each.name for each in enums if each.props.get("default") not in each.symbols] == []


# --- the same as the types ---


def shape(schema: Any) -> Any:
    """An apache schema in the words of `typed`."""
    match schema.type:
        case "record":
            return {field.name: shape(field.type) for field in schema.fields}
        case "array":
            return ["array", shape(schema.items)]
        case "map":
            return ["map", shape(schema.values)]
        case "enum":
            return frozenset(schema.symbols)
        case "union":
            return ["optional", *(shape(each) for each in schema.schemas if each.type != "null")]
        case primitive:
            return {"long": "int", "double": "float", "string": "str", "boolean": "bool"}.get(primitive, primitive)


def typed(kind: Any) -> Any:  # noqa: PLR0911 - one answer a kind of type
    """A msgspec type in the words of `shape`."""
    match kind:
        case msgspec.inspect.StructType():
            return {field.name: typed(field.type) for field in kind.fields}
        case msgspec.inspect.VarTupleType():
            return ["array", typed(kind.item_type)]
        case msgspec.inspect.TupleType():
            (item,) = {typed(each) for each in kind.item_types}
            return ["array", item]
        case msgspec.inspect.DictType():
            return ["map", typed(kind.value_type)]
        case msgspec.inspect.LiteralType():
            return frozenset(kind.values)
        case msgspec.inspect.UnionType():
            return ["optional", *(typed(each) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))]
        case _:
            return type(kind).__name__.removesuffix("Type").lower()


@each_record
def test_the_types_have_the_fields_of_the_avro_files(record: str) -> None:
    assert typed(msgspec.inspect.type_info(RECORDS[record])) == shape(apache(schema_text(record)))


def avro_defaults(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every default in an apache schema, by where it stands."""
    for field in getattr(schema, "fields", ()):
        if field.has_default:
            yield f"{place}.{field.name}", field.default
        inner = getattr(field.type, "items", field.type)
        yield from avro_defaults(inner, f"{place}.{field.name}")


def typed_defaults(kind: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every default of a msgspec type, by where it stands."""
    for field in getattr(kind, "fields", ()):
        if not field.required:
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            yield f"{place}.{field.name}", json.loads(msgspec.json.encode(default))
        inner = getattr(field.type, "item_type", field.type)
        yield from typed_defaults(inner, f"{place}.{field.name}")


@each_record
def test_a_default_of_the_avro_file_is_the_default_of_the_type(record: str) -> None:
    published = dict(avro_defaults(apache(schema_text(record))))
    in_code = dict(typed_defaults(msgspec.inspect.type_info(RECORDS[record])))
    assert {place: in_code.get(place) for place in published} == published


# --- the same bytes ---


def apache_bytes(schema: Any, said: Any) -> bytes:
    out = io.BytesIO()
    avro.io.DatumWriter(schema).write(said, avro.io.BinaryEncoder(out))
    return out.getvalue()


def fastavro_bytes(schema: Any, said: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, said)
    return out.getvalue()


@each_record
@given(data=st.data())
@settings(max_examples=15)
def test_both_libraries_write_the_same_bytes_and_read_them_back(record: str, data: st.DataObject) -> None:
    text = schema_text(record)
    theirs, ours = apache(text), parse(text)
    said = data.draw(fields(text))
    body = fastavro_bytes(ours, said)
    assert body == apache_bytes(theirs, said)
    assert avro.io.DatumReader(theirs).read(avro.io.BinaryDecoder(io.BytesIO(body))) == said
    assert fastavro.schemaless_reader(io.BytesIO(body), ours, None) == said
