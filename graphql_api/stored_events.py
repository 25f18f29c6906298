"""Events as they were published, made again from the rows they were projected to.

The database keeps one row for a visit: the `zones_revision` of its entry is then that of its newest record.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from schemas.events import CameraEvent, LineCrossed, Position, ZoneEntered, ZoneExited


def visit_event_of(row: RowMapping, position: Position) -> ZoneEntered | ZoneExited | LineCrossed:
    """The event in a row of `streams.VISITS`."""
    common: dict[str, Any] = {key: row[key] for key in ("camera_id", "track_no", "zones_revision")}
    common |= {"position": position}
    since, since_min, since_max = (_utc_ms(row[key]) for key in ("since", "since_min", "since_max"))
    if row["type"] == "LineCrossed":
        crossed: dict[str, Any] = {"crossed_at": since, "crossed_at_min": since_min, "crossed_at_max": since_max}
        return LineCrossed(**common, **crossed, line_id=row["place_id"], direction=row["entry"])
    common |= {"entered_at": since, "entered_at_min": since_min, "entered_at_max": since_max}
    common |= {"zone_id": row["place_id"], "entry_reason": row["entry"]}
    if row["type"] == "ZoneEntered":
        return ZoneEntered(**common)
    exited: dict[str, Any] = {f"exited_at{bound}": _utc_ms(row[f"until{bound}"]) for bound in ("", "_min", "_max")}
    return ZoneExited(**common, **exited, dwell_ms=row["dwell_ms"], exit_reason=row["ending"])


def camera_event_of(row: RowMapping, position: Position) -> CameraEvent:
    """The event in a row of `streams.CAMERA_EVENTS`, which holds it as it was published."""
    del position  # the event has its own
    event: CameraEvent = msgspec.json.decode(row["body"], type=CameraEvent)
    return event


def _utc_ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
