"""What one line of a log file says: the fields of a log record, times in ms or RFC 3339, boxes and scores as lists.

The types are derived from `schemas.events`, so fields and defaults are those of the records. It must not know files.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias, Union, get_args

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from schemas.events import Event, FrameObserved, LogRecord, Position, RecordRefused
from stream_processors.replay.errors import ExportError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
LATEST_MS = 253_402_300_799_999  # the end of the year 9999
RECORDS: tuple[type[Event], ...] = (*get_args(LogRecord), RecordRefused)

Moment: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)] | Annotated[datetime, msgspec.Meta(tz=True)]
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_Number: TypeAlias = Annotated[float, msgspec.Meta(ge=-_FLOAT32_MAX, le=_FLOAT32_MAX)] | None  # None: not finite
_LISTS = {"boxes": tuple[tuple[_Number, _Number, _Number, _Number], ...] | None, "scores": tuple[_Number, ...] | None}
_TIMES: dict[str, Any] = {
    "observed_at": Moment,
    "changed_at": Moment,
    "last_seen_at": Moment,
    "noticed_at": Moment,
    "reported_at": Moment,
    "dropped_at": Moment,
    "first_observed_at": Moment | None,
    "last_observed_at": Moment | None,
    "range_from": Moment,
    "range_to": Moment,
}
_PLACE: dict[str, Any] = {"position": Position | None, "offset": int | None, "appended_at": Moment | None}


class NotARecordError(ValueError):
    """A line is no record of a camera's log; the message says why."""


@dataclass(frozen=True, slots=True)
class NotARecord:
    """A line (or record of a container) that cannot be folded: its place in the file, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A record of a log file: its `place` there ("line 7"), and where and when it stood in the log as far as the file says.

    A RecordRefused stands for a record that the live shell did not let through to the fold.
    """

    place: str
    record: LogRecord | RecordRefused
    position: Position | None = None
    offset: int | None = None
    appended_at: int | None = None


def read_json(place: str, line: bytes) -> Logged | NotARecord:
    """What a line of JSON says."""
    try:
        return _logged(place, _JSON.decode(line))
    except (msgspec.MsgspecError, ValueError) as error:
        return NotARecord(place, str(error))


def read_fields(place: str, record: str, fields: Any) -> Logged | NotARecord:
    """What Avro's values of a record say, called by its name or full name; boxes and scores packed as on the wire."""
    try:
        return _logged(place, msgspec.convert({**fields, "type": record.rpartition(".")[2]}, _AVRO_LINE))
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return NotARecord(place, str(error))


def to_json(logged: Logged) -> bytes:
    """A record as one line, its boxes and scores as lists; what is not finite becomes null.

    Raises:
        ExportError: it would not read back as the same record.
    """
    fields = msgspec.to_builtins(logged.record, builtin_types=(bytes,)) | place_of(logged)
    if isinstance(logged.record, FrameObserved):
        fields |= {"boxes": _lists(fields["boxes"], "4<f4"), "scores": _lists(fields["scores"], "<f4")}
    line = _ENCODER.encode(fields)
    if read_json(logged.place, line) != logged:
        raise ExportError(
            f"{logged.place}: JSON cannot hold this record exactly; export to a file ending in .avro instead"
        )
    return line + b"\n"


def place_of(logged: Logged) -> dict[str, Any]:
    """Where and when a record stood in the log, as fields beside its own; RecordRefused has its own."""
    if isinstance(logged.record, RecordRefused):
        return {}
    place = {"position": msgspec.to_builtins(logged.position), "appended_at": logged.appended_at}
    return {name: value for name, value in place.items() if value is not None}


def moment(text: str) -> int:
    """UTC ms of a moment given in ms or as RFC 3339 with a time zone; parts of a millisecond are cut off.

    Raises:
        ValueError: it is neither.
    """
    value: int | datetime = msgspec.convert(int(text) if text.isdecimal() else text, Moment)
    return _ms(value)


def packed(numbers: ArrayLike) -> bytes:
    """Numbers as little-endian float32, row by row; None becomes not-a-number."""
    return np.array(numbers, "<f4").tobytes()


def _logged(place: str, line: Any) -> Logged:
    fields = {name: getattr(line, name) for name in line.__struct_fields__}
    position, offset, appended_at = (fields.pop(name) for name in _PLACE)
    fields |= {name: None if (at := fields[name]) is None else _ms(at) for name in fields.keys() & _TIMES}
    record = _RECORD[type(line)]
    if record is RecordRefused:
        return Logged(place, RecordRefused(position=position, **fields), position)
    if record is FrameObserved:
        fields |= _detections(fields)
    return Logged(place, record(**fields), position, offset, None if appended_at is None else _ms(appended_at))


def _detections(fields: dict[str, Any]) -> dict[str, bytes]:
    """Boxes and scores, packed; only a gated frame may leave them out, since nobody looked."""
    found = {name: fields[name] for name in _LISTS}
    if fields["gated"]:
        found = {name: () if each is None else each for name, each in found.items()}
    if None in found.values():
        raise NotARecordError("boxes and scores are needed, empty when nobody was detected, unless the frame is gated")
    return {name: each if isinstance(each, bytes) else packed(each) for name, each in found.items()}


def _lists(numbers: bytes, row: str) -> list[Any]:
    """The whole rows in packed numbers."""
    kind = np.dtype(row)
    found: list[Any] = np.frombuffer(numbers, kind, len(numbers) // kind.itemsize).tolist()
    return found


def _ms(value: int | datetime) -> int:
    return value if isinstance(value, int) else (value - EPOCH) // MS


def _line_type(record: type[Event], given: dict[str, Any], *, strict: bool) -> type[msgspec.Struct]:
    """The type of a line with `record`: its fields, but those in `given` as said there, and its place in the log."""
    fields: list[Any] = [
        (each.name, given.get(each.name, each.type), _default(each))
        for each in msgspec.structs.fields(record)
        if each.name not in _PLACE
    ]
    needed = {"position": Position} if record is RecordRefused else {}
    fields += [(name, needed.get(name, kind), ... if name in needed else None) for name, kind in _PLACE.items()]
    fields = [(name, kind) if default is ... else (name, kind, default) for name, kind, default in fields]
    return msgspec.defstruct(
        record.__name__, fields, tag=True, tag_field="type", kw_only=True, forbid_unknown_fields=strict
    )


def _default(field: Any) -> Any:
    if field.name in _LISTS:
        return None
    if field.required:
        return ...
    made: Any = msgspec.field  # its overloads know a default or a factory, not whichever a field has
    return made(default=field.default, default_factory=field.default_factory)


# A misspelt field of JSON would silently take its default; of Avro, a newer writer's fields are ignored, as Avro has it.
_JSON_TYPES = [_line_type(each, _TIMES | _LISTS, strict=True) for each in RECORDS]
_AVRO_TYPES = [_line_type(each, _TIMES | dict.fromkeys(_LISTS, bytes | None), strict=False) for each in RECORDS]
_RECORD: dict[type[msgspec.Struct], Any] = {
    line: record for lines in (_JSON_TYPES, _AVRO_TYPES) for line, record in zip(lines, RECORDS, strict=True)
}
_ENCODER = msgspec.json.Encoder()
_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[tuple(_JSON_TYPES)])  # noqa: UP007 - made at run time
_AVRO_LINE: Any = Union[tuple(_AVRO_TYPES)]  # noqa: UP007 - made at run time
