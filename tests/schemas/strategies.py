"""Values of the published schemas for hypothesis: whatever Avro allows, so far as the records' types allow it too."""

import json
from typing import Any

import avro.schema
import msgspec
from hypothesis import strategies as st

from schemas.events import RECORDS, Event
from schemas.wire import _without_logical_types, schema_text

SMALL = 3
# What the types call NonNegative.
NEVER_NEGATIVE = {"min_stay_ms", "grace_ms", "max_gap_ms", "track_timeout_ms", "capacity"}
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=16),
    "string": st.text(max_size=8),
}


def apache(text: str) -> Any:
    """The schema for apache avro, with times as the integers they are on the wire."""
    return avro.schema.parse(json.dumps(_without_logical_types(json.loads(text))))


def values(schema: Any, field: str = "") -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one answer a kind of schema
    """Values that a parsed apache schema allows in the field called `field`."""
    match schema.type:
        case "record":
            return st.fixed_dictionaries({each.name: values(each.type, each.name) for each in schema.fields})
        case "array":
            # A point is a pair; Avro has no type for that.
            size = 2 if schema.items.type == "double" else None
            return st.lists(values(schema.items, field), min_size=size or 0, max_size=size or SMALL)
        case "map":
            return st.dictionaries(PRIMITIVES["string"], values(schema.values, field), max_size=SMALL)
        case "enum":
            return st.sampled_from(schema.symbols)
        case "union":
            return st.one_of([values(each, field) for each in schema.schemas])
        case "int" if field in NEVER_NEGATIVE:
            return st.integers(0, 2**31 - 1)
        case primitive:
            return PRIMITIVES[primitive]


def fields(text: str) -> st.SearchStrategy[Any]:
    """What a record of the schema `text` may say, as plain values."""
    return values(apache(text))


def events(record: str) -> st.SearchStrategy[Event]:
    """Events of the record called `record`."""
    return fields(schema_text(record)).map(lambda said: msgspec.convert(said, RECORDS[record]))


def any_event() -> st.SearchStrategy[Event]:
    """Events of every record."""
    return st.one_of([events(record) for record in RECORDS])
