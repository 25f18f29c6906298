"""NumPy arrays inside MessagePack, bit for bit: the hooks of msgspec's encoders and decoders."""

from typing import Any

import numpy as np


def pack(value: object) -> object:
    """An array as (dtype, shape, bytes); `enc_hook` of an encoder.

    Raises:
        TypeError: it is no array.
    """
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    raise TypeError(f"{type(value)} has no place in a state")


def unpack(_type: object, packed: Any) -> Any:
    """The array, read-only, over the bytes it was packed in; `dec_hook` of a decoder."""
    dtype, shape, raw = packed
    return np.frombuffer(raw, dtype).reshape(shape)
