"""A tracker's state as bytes and back, bit for bit. Knows the layout of the state and nothing of how it comes about.

Format: magic, format version, length of the header; the header as JSON (counts, and the versions of Python, numpy and scipy that
made it, since those could change results); then the arrays, packed, little-endian.
"""

import json
import platform
import struct
from typing import Any

import numpy as np
import scipy

from stream_processors.domain.tracks import TRACK, TrackerState

FORMAT_VERSION = 1
_MAGIC = b"AFTR"
_PREFIX = struct.Struct("<4sHH")
_LIBRARIES = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
_TRACK, _FLOAT = TRACK.newbyteorder("<"), np.dtype("<f8")
_FILTER_FLOATS = 20


class UnreadableSnapshotError(ValueError):
    """Bytes that are no tracker snapshot of this format; the state has to be rebuilt from the log."""


def dump(state: TrackerState) -> bytes:
    """The state as bytes; equal states give equal bytes under one set of library versions."""
    header = json.dumps(
        {
            "observed_at": state.observed_at,
            "last_track_no": state.last_track_no,
            "tracks": len(state.tracks),
            "dimensions": state.appearance.shape[1],
            "libraries": _LIBRARIES,
        }
    ).encode()
    floats = (state.filters.astype(_FLOAT, copy=False), state.appearance.astype(_FLOAT, copy=False))
    arrays = (state.tracks.astype(_TRACK, copy=False), *floats)
    return b"".join((_PREFIX.pack(_MAGIC, FORMAT_VERSION, len(header)), header, *(array.tobytes() for array in arrays)))


def libraries(raw: bytes) -> dict[str, str]:
    """The versions of the libraries that wrote a snapshot; under others the next frame may differ in its last bits."""
    made_with: dict[str, str] = _header(raw)[0]["libraries"]
    return made_with


def load(raw: bytes) -> TrackerState:
    """The state that `dump` wrote.

    Raises:
        UnreadableSnapshotError: not a snapshot of this format, or not whole.
    """
    head, at = _header(raw)
    rows, dimensions = head["tracks"], head["dimensions"]
    floats_at = at + rows * _TRACK.itemsize
    if len(raw) != floats_at + rows * (_FILTER_FLOATS + dimensions) * _FLOAT.itemsize:
        raise UnreadableSnapshotError("a tracker snapshot is not whole; rebuild the state from the log")
    tracks = np.frombuffer(raw[at:floats_at], _TRACK).astype(TRACK)
    floats = np.frombuffer(raw[floats_at:], _FLOAT).astype(np.float64)
    filters, looks = floats[: _FILTER_FLOATS * rows], floats[_FILTER_FLOATS * rows :]
    return TrackerState(
        head["observed_at"], head["last_track_no"], tracks, filters.reshape(5, 4, rows), looks.reshape(rows, dimensions)
    )


def _header(raw: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where the arrays begin."""
    try:
        magic, version, length = _PREFIX.unpack_from(raw)
        if (magic, version) != (_MAGIC, FORMAT_VERSION):
            raise UnreadableSnapshotError(
                f"no tracker snapshot of format {FORMAT_VERSION}; rebuild the state from the log"
            )
        arrays_at = _PREFIX.size + length
        return json.loads(raw[_PREFIX.size : arrays_at]), arrays_at
    except (struct.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableSnapshotError("a tracker snapshot has no header; rebuild the state from the log") from error
