"""Cursors of event streams: how far a client has got in each partition, as opaque text any API process understands.

A place is that of the record's cause in the camera log, which the topic and the database count alike; so a cursor holds
over a restart, and whether what follows it comes from memory or from the database. The check in it finds damage and
cursors of other streams; it keeps no secret, since all events are authorised anyway. Nothing here knows Kafka or SQL.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from graphql_api.errors import CursorExpiredError, CursorInvalidError
from graphql_api.pagination import MAX_BIGINT, decode_cursor, encode_cursor
from schemas.events import Position

Place: TypeAlias = tuple[int, int]
BEGINNING: Place = (-1, -1)
EARLIEST = "earliest"
_VERSION = 1
_EPOCH_BITS = 48


class StreamChangedError(CursorExpiredError):
    """The topic was made anew, or has other partitions, since the cursor was made."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a cursor belongs to: a stream in its generation, and the filter of its reader."""

    name: str
    epoch: int
    filter_key: str

    def cursor(self, places: Mapping[int, Place]) -> str:
        """The cursor that continues behind `places`; partitions are numbered from 0."""
        flat = [number for partition in range(len(places)) for number in places[partition]]
        return encode_cursor([_VERSION, self.epoch, flat, self._check(self.epoch, flat)])

    def places(self, cursor: str, partitions: int) -> dict[int, Place]:
        """Where `cursor` continues, in each of so many partitions.

        Raises:
            CursorInvalidError: this stream, with this filter, did not make it.
            StreamChangedError: it did, in an earlier generation or with other partitions.
        """
        if cursor == EARLIEST:
            return dict.fromkeys(range(partitions), BEGINNING)
        match decode_cursor(cursor):
            case [version, int(epoch), list(flat), str(check)] if version == _VERSION:
                if all(map(_is_number, flat)) and len(flat) % 2 == 0 and check == self._check(epoch, flat):
                    if epoch != self.epoch or len(flat) != 2 * partitions:
                        raise StreamChangedError("The stream was made anew since the cursor was made.")
                    return dict(enumerate(zip(flat[::2], flat[1::2], strict=True)))
        raise CursorInvalidError(
            "The cursor is not one of this stream with this filter. Subscribe with the arguments it was made with, "
            "or without `after`."
        )

    def _check(self, epoch: int, flat: list[int]) -> str:
        text = json.dumps([self.name, self.filter_key, epoch, flat])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def place_of(position: Position) -> Place:
    """A position as the database counts it."""
    return (position.epoch << _EPOCH_BITS) + position.offset, position.index


def _is_number(value: object) -> bool:
    return type(value) is int and -1 <= value <= MAX_BIGINT
