"""Rows of the projections, written by hand as the contract in docs/storage.md has them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from stream_processors.projections.statements import SUM_HOURS

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SQUARE = json.dumps([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]])


def insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows that all name the same columns."""
    assert all(row.keys() == rows[0].keys() for row in rows)
    columns = ", ".join(rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), rows)
    if table == "zone_minutes":
        _sum_hours(connection)


def _sum_hours(connection: Connection) -> None:
    """Hours as the projector sums them whenever it writes minutes."""
    connection.execute(text("CREATE TEMP TABLE stage_zone_minute AS TABLE zone_minutes"))
    connection.execute(text(SUM_HOURS))
    connection.execute(text("DROP TABLE stage_zone_minute"))


def camera(camera_id: str = "door", **fields: Any) -> dict[str, Any]:
    return {"camera_id": camera_id, "seq": 1, "seq_index": 0} | fields


def zone(camera_id: str = "door", zone_id: str = "desk", revision: int = 1, **fields: Any) -> dict[str, Any]:
    row = {"camera_id": camera_id, "zone_id": zone_id, "zones_revision": revision, "name": zone_id.title()}
    row |= {"kind": "WORK", "polygon": SQUARE, "anchor": "FOOT", "min_stay_ms": 500, "grace_ms": 2000, "capacity": None}
    return row | {"valid_from": START, "valid_to": None} | fields


def line(camera_id: str = "door", line_id: str = "gate", revision: int = 1, **fields: Any) -> dict[str, Any]:
    row = {"camera_id": camera_id, "line_id": line_id, "zones_revision": revision, "name": line_id.title()}
    row |= {"points": json.dumps([[0.5, 0.0], [0.5, 1.0]]), "anchor": "CENTRE", "min_stay_ms": 500}
    return row | {"valid_from": START, "valid_to": None} | fields


def minute(camera_id: str = "door", zone_id: str = "desk", at: datetime = START, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"camera_id": camera_id, "zone_id": zone_id, "minute": at, "zones_revision": 1}
    row |= {"kind": "WORK", "capacity": None, "observed_ms": 60_000, "frames": 600, "seq": 1, "seq_index": 0}
    zeros = (
        "person_ms", "exclusive_person_ms", "occupied_ms", "peak", "entries", "exits", "starts", "ends",
        "visits_closed", "dwell_ms_sum", "dwell_ms_max", "dwell_under_5s", "dwell_5s_15s", "dwell_15s_60s",
        "dwell_60s_300s", "dwell_from_300s",
    )  # fmt: skip
    return row | dict.fromkeys(zeros, 0) | fields


def track(track_no: int, started_at: datetime, **fields: Any) -> dict[str, Any]:
    row = {"camera_id": "door", "track_no": track_no, "started_at": started_at, "last_seen_at": started_at + MINUTE}
    return row | {"ended_at": None, "end_reason": None, "observations": 0, "seq": 1, "seq_index": 0} | fields


def visit(track_no: int, entered_at: datetime, dwell_ms: int | None = 60_000, **fields: Any) -> dict[str, Any]:
    exited_at = None if dwell_ms is None else entered_at + timedelta(milliseconds=dwell_ms)
    row: dict[str, Any] = {"camera_id": "door", "track_no": track_no, "zone_id": "desk", "entered_at": entered_at}
    row |= {"entered_at_min": None, "entered_at_max": entered_at, "entry_reason": "CROSSED", "exited_at": exited_at}
    row |= {"exited_at_min": exited_at, "exited_at_max": exited_at, "dwell_ms": dwell_ms}
    row |= {"exit_reason": None if dwell_ms is None else "LEFT", "zones_revision": 1, "seq": 1, "seq_index": 0}
    return row | fields


def position(track_no: int, second: datetime, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"camera_id": "door", "track_no": track_no, "second": second, "offset_ms": 0}
    return row | {"foot_x": 0, "foot_y": 0, "width": 50, "height": 100, "score_pct": 90} | fields
