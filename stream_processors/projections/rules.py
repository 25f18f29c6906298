"""How rows of each kind enter their table: what a key is, and which of two rows of one key stays.

Every store obeys these rules, and so does the merging of a batch. They know no event, and no SQL beyond names and types.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Rule:
    """One way into one table. A row holds the values of the key's columns, then the others; times are UTC ms.

    Attributes:
        name: unique.
        table: where the rows go.
        key: PostgreSQL type of each column that identifies a row.
        values: PostgreSQL type of each other column.
        guard: columns that must grow for a row to replace another; without any the first row of a key stays.
        creates: False: rows only change what is there.
    """

    name: str
    table: str
    key: dict[str, str]
    values: dict[str, str]
    guard: tuple[str, ...] = ()
    creates: bool = True

    @cached_property
    def types(self) -> dict[str, str]:
        """Every column and its type, in row order."""
        return self.key | self.values

    @cached_property
    def key_of(self) -> Callable[[Row], Any]:
        """What identifies a row."""
        return itemgetter(*range(len(self.key)))

    @cached_property
    def guard_of(self) -> Callable[[Row], Any]:
        """What must grow; only for rules with a guard."""
        return itemgetter(*(list(self.types).index(column) for column in self.guard))


def merged(rule: Rule, rows: Iterable[Row]) -> list[Row]:
    """The row of each key that stays when `rows` are applied in order; sorted by key, so that writers do not deadlock."""
    kept = _newest(rule, rows) if rule.guard else _first(rule, rows)
    return [kept[key] for key in sorted(kept)]


def _first(rule: Rule, rows: Iterable[Row]) -> dict[Any, Row]:
    kept: dict[Any, Row] = {}
    key_of = rule.key_of
    for row in rows:
        kept.setdefault(key_of(row), row)
    return kept


def _newest(rule: Rule, rows: Iterable[Row]) -> dict[Any, Row]:
    kept: dict[Any, Row] = {}
    key_of, guard_of = rule.key_of, rule.guard_of
    for row in rows:
        key = key_of(row)
        if guard_of(kept.setdefault(key, row)) < guard_of(row):
            kept[key] = row
    return kept


def _columns(text: str) -> dict[str, str]:
    return dict(column.split(":") for column in text.split())


_POSITION = "seq:int8 seq_index:int4"
_SEQ = ("seq", "seq_index")
_CAMERA = _columns("camera_id:text")
_CAUSE = _columns("camera_id:text seq:int8 seq_index:int4")
_TRACK = _columns("camera_id:text track_no:int8 started_at:timestamptz restatement:int4")
_VISIT = _columns("camera_id:text track_no:int8 zone_id:text entered_at:timestamptz restatement:int4")
_ENTRY = "entered_at_min:timestamptz entered_at_max:timestamptz entry_reason:text zones_revision:int4"
_EXIT = "exited_at:timestamptz exited_at_min:timestamptz exited_at_max:timestamptz dwell_ms:int8 exit_reason:text"
_REVISION = _columns("camera_id:text zones_revision:int4")
_VALID_TO = _columns("valid_to:timestamptz")

TRACK_POSITION = Rule(
    "track_position",
    "track_positions",
    key=_columns("camera_id:text track_no:int8 second:timestamptz restatement:int4"),
    values=_columns("offset_ms:int2 foot_x:int4 foot_y:int4 width:int4 height:int4 score_pct:int2"),
)
TRACK_CONFIRMED = Rule(
    "track_confirmed",
    "tracks",
    key=_TRACK,
    values=_columns(f"last_seen_at:timestamptz observations:int8 {_POSITION}"),
)
TRACK_SEEN = Rule(
    "track_seen",
    "tracks",
    key=_columns("camera_id:text track_no:int8 restatement:int4"),
    values=_columns(f"last_seen_at:timestamptz {_POSITION}"),
    guard=_SEQ,
    creates=False,
)
TRACK_ENDED = Rule(
    "track_ended",
    "tracks",
    key=_TRACK,
    values=_columns(
        f"last_seen_at:timestamptz ended_at:timestamptz end_reason:text observations:int8 {_POSITION}",
    ),
    guard=_SEQ,
)
ZONE_ENTERED = Rule("zone_entered", "zone_visits", key=_VISIT, values=_columns(f"{_ENTRY} {_POSITION}"))
ZONE_EXITED = Rule(
    "zone_exited", "zone_visits", key=_VISIT, values=_columns(f"{_ENTRY} {_EXIT} {_POSITION}"), guard=_SEQ
)
VISIT_BEGUN = Rule(
    "visit_begun",
    "zone_visits",
    key=_VISIT,
    values=_columns("entered_seq:int8 entered_seq_index:int4"),
    guard=("entered_seq", "entered_seq_index"),
    creates=False,
)
LINE_CROSSED = Rule(
    "line_crossed",
    "line_crossings",
    key=_columns("camera_id:text track_no:int8 line_id:text crossed_at:timestamptz restatement:int4"),
    values=_columns(
        f"crossed_at_min:timestamptz crossed_at_max:timestamptz direction:text zones_revision:int4 {_POSITION}"
    ),
    guard=_SEQ,
)
ZONE_MINUTE = Rule(
    "zone_minute",
    "zone_minutes",
    key=_columns("camera_id:text zone_id:text minute:timestamptz zones_revision:int4 restatement:int4"),
    values=_columns(
        "kind:text capacity:int4 person_ms:int8 exclusive_person_ms:int8 occupied_ms:int8 observed_ms:int8 "
        "frames:int4 peak:int4 entries:int4 exits:int4 starts:int4 ends:int4 visits_closed:int4 "
        "dwell_ms_sum:int8 dwell_ms_max:int8 dwell_under_5s:int4 dwell_5s_15s:int4 dwell_15s_60s:int4 "
        f"dwell_60s_300s:int4 dwell_from_300s:int4 {_POSITION}"
    ),
    guard=_SEQ,
)
CAMERA_SEEN = Rule(
    "camera_seen",
    "cameras",
    key=_CAMERA,
    values=_columns(f"last_seen_at:timestamptz width:int4 height:int4 accepted:int8 refused:jsonb {_POSITION}"),
    guard=_SEQ,
)
CAMERA_CONFIGURED = Rule(
    "camera_configured",
    "cameras",
    key=_CAMERA,
    values=_columns(
        "name:text site_id:text enabled:bool max_gap_ms:int4 track_timeout_ms:int4 source:text credentials:text "
        "target_fps:float8 masks:jsonb revision:int4"
    ),
    guard=("revision",),
)
CAMERA_APPLIED = Rule(
    "camera_applied",
    "cameras",
    key=_CAMERA,
    values=_columns(
        "applied_revision:int4 applied_error:text applied_at:timestamptz applied_seq:int8 applied_seq_index:int4"
    ),
    guard=("applied_seq", "applied_seq_index"),
)
CAMERA_ZONED = Rule(
    "camera_zoned", "cameras", key=_CAMERA, values=_columns("zones_revision:int4"), guard=("zones_revision",)
)
CAMERA_STATUS = Rule(
    "camera_status",
    "cameras",
    key=_CAMERA,
    values=_columns("status:text status_reason:text status_seq:int8 status_seq_index:int4"),
    guard=("status_seq", "status_seq_index"),
)
ZONE_DEFINED = Rule(
    "zone_defined",
    "zones",
    key=_columns("camera_id:text zone_id:text zones_revision:int4"),
    values=_columns(
        "name:text kind:text polygon:jsonb anchor:text min_stay_ms:int4 grace_ms:int4 capacity:int4 valid_from:timestamptz"
    ),
)
ZONES_SUPERSEDED = Rule("zones_superseded", "zones", key=_REVISION, values=_VALID_TO, creates=False)
LINE_DEFINED = Rule(
    "line_defined",
    "lines",
    key=_columns("camera_id:text line_id:text zones_revision:int4"),
    values=_columns("name:text points:jsonb anchor:text min_stay_ms:int4 valid_from:timestamptz"),
)
LINES_SUPERSEDED = Rule("lines_superseded", "lines", key=_REVISION, values=_VALID_TO, creates=False)
CAMERA_EVENT = Rule(
    "camera_event",
    "camera_events",
    key=_CAUSE,
    values=_columns("type:text command_id:text body:jsonb"),
)
FRAMES_LOST = Rule(
    "frames_lost",
    "frames_lost",
    key=_CAUSE,
    values=_columns(
        "session:text first_seq:int8 last_seq:int8 records:int8 first_observed_at:timestamptz "
        "last_observed_at:timestamptz dropped_at:timestamptz reason:text"
    ),
)
RANGE_RESTATED = Rule(
    "range_restated",
    "restatements",
    key=_columns("camera_id:text topic:text restatement:int4"),
    values=_columns(f"run_id:text range_from:timestamptz range_to:timestamptz restated_at:timestamptz {_POSITION}"),
)

# In the order they are applied. An end is complete in itself, so it goes first: then nothing can undo it.
RULES = (
    TRACK_POSITION, TRACK_ENDED, TRACK_CONFIRMED, TRACK_SEEN, ZONE_EXITED, ZONE_ENTERED, VISIT_BEGUN, LINE_CROSSED,
    ZONE_MINUTE, RANGE_RESTATED, CAMERA_SEEN, CAMERA_CONFIGURED, CAMERA_APPLIED, CAMERA_ZONED, CAMERA_STATUS,
    ZONE_DEFINED, ZONES_SUPERSEDED, LINE_DEFINED, LINES_SUPERSEDED, CAMERA_EVENT, FRAMES_LOST,
)  # fmt: skip
