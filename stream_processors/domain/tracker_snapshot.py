"""A tracker's state as bytes and back, bit for bit. Knows the layout of the state and nothing of how it comes about.

Format: magic, format version, length of the header; the header as JSON (counts, and the versions of Python, numpy and scipy that
made it, since those could change results); then the arrays, packed, little-endian.
"""

import json
import platform
import struct

import numpy as np
import scipy

from stream_processors.domain.tracks import TRACK, TrackerState

FORMAT_VERSION = 1
_MAGIC = b"AFTR"
_PREFIX = struct.Struct("<4sHH")
_LIBRARIES = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
_TRACK, _FLOAT = TRACK.newbyteorder("<"), np.dtype("<f8")


class UnreadableSnapshotError(ValueError):
    """Bytes that are no tracker snapshot, or one of another format; rebuild the state from the log."""


def dump(state: TrackerState) -> bytes:
    """The state as bytes; equal states give equal bytes on one set of library versions."""
    head = {
        "observed_at": state.observed_at,
        "last_track_no": state.last_track_no,
        "tracks": len(state.tracks),
        "dimensions": state.appearance.shape[1],
        "libraries": _LIBRARIES,
    }
    header = json.dumps(head, separators=(",", ":")).encode()
    arrays = (state.tracks.astype(_TRACK, copy=False), state.filters.astype(_FLOAT, copy=False), state.appearance.astype(_FLOAT, copy=False))
    return b"".join((_PREFIX.pack(_MAGIC, FORMAT_VERSION, len(header)), header, *(array.tobytes() for array in arrays)))


def load(raw: bytes) -> TrackerState:
    """The state that `dump` wrote.

    Raises:
        UnreadableSnapshotError: not a snapshot of this format.
    """
    try:
        magic, version, length = _PREFIX.unpack_from(raw)
    except struct.error as error:
        raise UnreadableSnapshotError("a tracker snapshot is longer than this; rebuild the state from the log") from error
    if (magic, version) != (_MAGIC, FORMAT_VERSION):
        raise UnreadableSnapshotError(f"not a tracker snapshot of format {FORMAT_VERSION}; rebuild the state from the log")
    head = json.loads(raw[_PREFIX.size : _PREFIX.size + length])
    rows, dimensions, at = head["tracks"], head["dimensions"], _PREFIX.size + length
    if len(raw) != at + rows * (_TRACK.itemsize + (20 + dimensions) * _FLOAT.itemsize):
        raise UnreadableSnapshotError("a tracker snapshot is cut short or too long; rebuild the state from the log")
    filters_at = at + rows * _TRACK.itemsize
    tracks = np.frombuffer(raw, _TRACK, rows, at).astype(TRACK)
    floats = np.frombuffer(raw, _FLOAT, -1, filters_at).astype(np.float64) if rows else np.zeros(0)
    filters, appearance = floats[: 20 * rows].reshape(5, 4, rows), floats[20 * rows :].reshape(rows, dimensions)
    return TrackerState(head["observed_at"], head["last_track_no"], tracks, filters, appearance)
