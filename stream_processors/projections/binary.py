"""PostgreSQL's binary COPY format for the few types the read model has: exact, unescaped, and a quarter of the cost of text.

Layout: https://www.postgresql.org/docs/current/sql-copy.html (binary format). It knows no table and no connection.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

Encoder: TypeAlias = Callable[[Any], bytes]

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = struct.pack(">h", -1)
_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)
_EPOCH_2000_MS = 946_684_800_000
_JSONB_VERSION = b"\x01"
_CODES = {"bool": "?", "int2": "h", "int4": "i", "int8": "q", "float8": "d", "timestamptz": "q"}


def copy_data(types: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """`rows` as COPY expects them for columns of `types`; None is NULL, times are UTC milliseconds.

    Raises:
        struct.error, UnicodeEncodeError: a value does not fit its type.
    """
    encode = _text_then_fixed(types) if set(types[1:]) <= _CODES.keys() else _any_fields(types)
    return b"".join((_HEADER, *map(encode, rows), _TRAILER))


def _any_fields(types: Sequence[str]) -> Encoder:
    count, encoders = _COUNT.pack(len(types)), [_ENCODERS[name] for name in types]

    def encode(row: Sequence[Any]) -> bytes:
        fields = [_NULL if value is None else field(value) for field, value in zip(encoders, row, strict=True)]
        return count + b"".join(fields)

    return encode


def _text_then_fixed(types: Sequence[str]) -> Encoder:
    """One `pack` a row, a fifth of the cost: for rows of a text and values of fixed size without NULL."""
    fixed = types[1:]
    prefix = lru_cache(maxsize=4_096)(lambda text: _COUNT.pack(len(types)) + _text(text))
    pack = struct.Struct(">" + "".join(f"i{_CODES[name]}" for name in fixed)).pack
    times = [2 * index + 1 for index, name in enumerate(fixed) if name == "timestamptz"]
    fields = [0] * (2 * len(fixed))
    fields[::2] = [struct.calcsize(f">{_CODES[name]}") for name in fixed]

    def encode(row: Sequence[Any]) -> bytes:
        fields[1::2] = row[1:]
        for index in times:
            fields[index] = _microseconds(fields[index])
        return prefix(row[0]) + pack(*fields)

    return encode


def _microseconds(utc_ms: int) -> int:
    return (utc_ms - _EPOCH_2000_MS) * 1_000


def _fixed(name: str) -> Encoder:
    layout = struct.Struct(f">i{_CODES[name]}")
    pack, size = layout.pack, layout.size - _LENGTH.size
    return lambda value: pack(size, value)


@lru_cache(maxsize=4_096)
def _text(value: str) -> bytes:
    return _sized(value.encode())


def _sized(raw: bytes) -> bytes:
    return _LENGTH.pack(len(raw)) + raw


_ENCODERS: dict[str, Encoder] = {name: _fixed(name) for name in _CODES} | {
    "timestamptz": lambda value: _ENCODERS["int8"](_microseconds(value)),
    "text": _text,
    "bytea": _sized,
    "jsonb": lambda value: _sized(_JSONB_VERSION + value.encode()),
}
