"""docs/events.md, from schemas/avro."""

from collections.abc import Iterable, Iterator
from typing import Any

import avro.schema
import msgspec

from schemas.topics import TopicSpec, topics
from schemas.wire import schema_text
from tools.markdown import GENERATED, code, link, table

HEADER = f"""\
# Events

{GENERATED}
Every record of every topic, from `schemas/avro/<record>.avsc`. Times are UTC milliseconds of event time unless a field says
otherwise. How values are framed and where each topic is described: [topics.md](topics.md).

## How a schema changes

Released schemas are frozen in `schemas/released/<n>`, with their SHA-256 sums; tests read old records with new code and, for
public topics, new records with released readers.

1. Edit `schemas/avro/<record>.avsc` and the type in `schemas/events.py`. A new field needs a `doc` and a default; a new symbol
   of an enum is read as the enum's default by older readers; nothing is renamed or given another type.
2. Run `make test`; it names what would break a reader.
3. With the release of the product, run `python -m tools.release_schemas` and commit the new folder. It refuses what is not
   compatible with an earlier release. What cannot be made compatible is a new record, or a new topic with the next number.
"""


def render() -> str:
    """The page: the records by topic, then the types they share."""
    shared: dict[str, Any] = {}
    sections = [_topic(spec, shared) for spec in topics().values() if spec.records]
    return HEADER + "".join(sections) + "\n## Shared types\n" + "".join(_named(shared[name]) for name in sorted(shared))


def _topic(spec: TopicSpec, shared: dict[str, Any]) -> str:
    schemas = [avro.schema.parse(schema_text(record)) for record in spec.records]
    for schema in schemas:
        shared |= {named.name: named for named in _inside(field.type for field in schema.fields)}
    return f"\n## Topic {link(spec.name, 'topics.md')}\n" + "".join(map(_named, schemas))


def _named(schema: Any) -> str:
    """The section of a record or an enum."""
    about = _symbols(schema) if schema.type == "enum" else _fields(schema)
    return f"\n### `{schema.name}`\n\n{schema.doc}{about}"


def _symbols(enum: Any) -> str:
    symbols, unknown = ", ".join(map(code, enum.symbols)), code(enum.props["default"])
    return f" One of {symbols}; readers take symbols they do not know as {unknown}.\n"


def _fields(record: Any) -> str:
    rows = ([code(field.name), _type(field.type), _default(field), field.doc] for field in record.fields)
    return "\n\n" + table(["Field", "Type", "Default", "Meaning"], rows)


def _inside(schemas: Iterable[Any]) -> Iterator[Any]:
    """The records and enums that `schemas` are made of."""
    for schema in schemas:
        if schema.type in {"record", "enum"}:
            yield schema
        yield from _inside(field.type for field in getattr(schema, "fields", ()))
        yield from _inside(_parts(schema))


def _parts(schema: Any) -> list[Any]:
    match schema.type:
        case "array":
            return [schema.items]
        case "map":
            return [schema.values]
        case "union":
            return list(schema.schemas)
        case _:
            return []


def _type(schema: Any) -> str:
    match schema.type:
        case "record" | "enum":
            return link(schema.name)
        case "array":
            return f"array of {_type(schema.items)}"
        case "map":
            return f"map of {_type(schema.values)}"
        case "union":
            return " or ".join(map(_type, schema.schemas))
        case primitive:
            return " ".join(filter(None, [primitive, schema.props.get("logicalType")]))


def _default(field: Any) -> str:
    return code(msgspec.json.encode(field.default).decode()) if field.has_default else ""
