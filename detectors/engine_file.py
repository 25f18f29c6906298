"""TensorRT engine files as bytes: a 4-byte little-endian length, JSON metadata, the engine, as Ultralytics writes them.

A raw engine without that header is taken as it is. No TensorRT is needed here.
Layout: https://docs.ultralytics.com/integrations/tensorrt/ and `AutoBackend` of ultralytics 8.4.
"""

import struct
from typing import Any, NamedTuple

import msgspec

_LENGTH = struct.Struct("<i")


class EngineFile(NamedTuple):
    """An engine and what its exporter wrote about it: `names`, `imgsz` and `batch` among others."""

    metadata: dict[str, Any]
    engine: bytes


def parse(content: bytes) -> EngineFile:
    """Split a file; one without a header has no metadata."""
    if len(content) < _LENGTH.size:
        return EngineFile({}, content)
    (length,) = _LENGTH.unpack_from(content)
    end = _LENGTH.size + length
    if not 0 < length <= len(content) - _LENGTH.size:
        return EngineFile({}, content)
    try:
        return EngineFile(msgspec.json.decode(content[_LENGTH.size : end], type=dict[str, Any]), content[end:])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return EngineFile({}, content)


def write(file: EngineFile) -> bytes:
    """The bytes that `parse` splits again."""
    header = msgspec.json.encode(file.metadata)
    return _LENGTH.pack(len(header)) + header + file.engine
