"""What event streams go on from when a reader is behind memory: live facts by their place in the camera log, oldest first.

A page and the offsets up to which the projector has stored the topic are read in one snapshot: below those offsets nothing
is missing from the page, except beyond its limit.
"""

# ruff: noqa: S608 - only names written in this module are put together; values are parameters

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows

Place: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows that follow, and for each partition up to which offset the topic was stored when they were read."""

    rows: Sequence[RowMapping]
    stored: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class StreamSql:
    """Where a topic's records are found again.

    The branches give columns `seq`, `seq_index` and those of the event; `told` says of a row that its first event was told.
    """

    topic: str
    table: str
    branches: tuple[str, ...]
    told: str = "(fact.seq, fact.seq_index) <= (behind.seq, behind.seq_index)"


_VISIT = """camera_id, track_no, zone_id AS place_id, zones_revision, entered_at AS since, entered_at_min AS since_min,
    entered_at_max AS since_max, entry_reason AS entry"""
_NO_EXIT = "NULL::timestamptz AS until, NULL::timestamptz AS until_min, NULL::timestamptz AS until_max, NULL::bigint AS dwell_ms"


def _branch(kind: str, columns: str, table: str, *, seq: str = "seq", only: str = "true") -> str:
    index = f"{seq}_index"
    return f"""(SELECT '{kind}' AS type, {columns}, {seq} AS seq, {index} AS seq_index FROM {table} AS fact
        WHERE fact.camera_id = behind.camera_id AND (fact.{seq}, fact.{index}) > (behind.seq, behind.seq_index) AND {only}
        ORDER BY fact.{seq}, fact.{index} LIMIT :limit)"""


VISITS = StreamSql(
    "aforo.zone-visits.v1",
    "zone_visits",
    (
        _branch(
            "ZoneEntered",
            f"{_VISIT}, {_NO_EXIT}, NULL AS ending",
            "zone_visits",
            seq="entered_seq",
            only="restatement = 0",
        ),
        _branch(
            "ZoneExited",
            f"{_VISIT}, exited_at AS until, exited_at_min AS until_min, exited_at_max AS until_max, dwell_ms, "
            "exit_reason AS ending",
            "zone_visits",
            only="restatement = 0 AND exited_at IS NOT NULL",
        ),
        _branch(
            "LineCrossed",
            "camera_id, track_no, line_id, zones_revision, crossed_at, crossed_at_min, crossed_at_max, direction, "
            f"{_NO_EXIT}, NULL",
            "line_crossings",
            only="restatement = 0",
        ),
    ),
    told="((fact.seq, fact.seq_index) <= (behind.seq, behind.seq_index) OR fact.entered_seq >= 0 AND "
    "(fact.entered_seq, fact.entered_seq_index) <= (behind.seq, behind.seq_index))",
)
CAMERA_EVENTS = StreamSql(
    "aforo.camera-events.v1",
    "camera_events",
    (_branch("CameraEvent", "camera_id, body::text AS body", "camera_events"),),
)

_BEHIND = """unnest(CAST(:cameras AS text[]), CAST(:seqs AS bigint[]), CAST(:indexes AS int[]))
    AS behind (camera_id, seq, seq_index)"""
# A loose index scan: the projector may have stored a camera's facts before its row of `cameras`.
_CAMERAS = """WITH RECURSIVE known(camera_id) AS (
    (SELECT camera_id FROM {table} ORDER BY camera_id LIMIT 1)
    UNION ALL
    SELECT (SELECT camera_id FROM {table} WHERE camera_id > known.camera_id ORDER BY camera_id LIMIT 1)
    FROM known WHERE camera_id IS NOT NULL)
  SELECT camera_id FROM known WHERE camera_id IS NOT NULL"""


def page_after(
    connection: Connection,
    stream: StreamSql,
    wanted: Sequence[str] | None,
    behind: Callable[[str], Place],
    limit: int,
) -> Page:
    """Up to `limit` live records of the cameras `wanted` (None: all), each after the place its camera is `behind` at."""
    connection.execution_options(isolation_level="REPEATABLE READ")
    with connection.begin():
        cameras = _cameras(connection, stream) if wanted is None else wanted
        found = rows(
            connection,
            f"""SELECT found.* FROM {_BEHIND} CROSS JOIN LATERAL ({" UNION ALL ".join(stream.branches)}) AS found
                ORDER BY found.seq, found.seq_index LIMIT :limit""",
            **_behind(cameras, behind),
            limit=limit,
        )
        return Page(found, _stored(connection, stream))


def cameras_kept(connection: Connection, stream: StreamSql, behind: Callable[[str], Place]) -> dict[str, bool]:
    """The cameras of which anything is stored, and of each whether that goes back to what it is `behind` at."""
    found = rows(
        connection,
        f"""SELECT behind.camera_id, EXISTS (
              SELECT FROM {stream.table} AS fact WHERE fact.camera_id = behind.camera_id AND {stream.told}) AS kept
            FROM {_BEHIND}""",
        **_behind(_cameras(connection, stream), behind),
    )
    return {row["camera_id"]: row["kept"] for row in found}


def newest_places(connection: Connection, stream: StreamSql) -> dict[str, Place]:
    """The place of each camera's newest record."""
    found = rows(
        connection,
        f"""WITH camera AS ({_CAMERAS.format(table=stream.table)})
            SELECT camera.camera_id, last.seq, last.seq_index FROM camera CROSS JOIN LATERAL (
              SELECT seq, seq_index FROM {stream.table} WHERE camera_id = camera.camera_id
              ORDER BY seq DESC, seq_index DESC LIMIT 1) AS last""",
    )
    return {row["camera_id"]: (row["seq"], row["seq_index"]) for row in found}


def camera_sites(connection: Connection) -> dict[str, str]:
    """The site of each camera."""
    return {row["camera_id"]: row["site_id"] for row in rows(connection, "SELECT camera_id, site_id FROM cameras")}


def _behind(cameras: Sequence[str], behind: Callable[[str], Place]) -> dict[str, list[Any]]:
    places = [behind(camera_id) for camera_id in cameras]
    return {"cameras": list(cameras), "seqs": [seq for seq, _ in places], "indexes": [index for _, index in places]}


def _cameras(connection: Connection, stream: StreamSql) -> list[str]:
    return [row["camera_id"] for row in rows(connection, _CAMERAS.format(table=stream.table))]


def _stored(connection: Connection, stream: StreamSql) -> dict[int, int]:
    found = rows(
        connection,
        "SELECT part, next_offset FROM ingest_offsets WHERE topic = :topic AND consumer = 'projector'",
        topic=stream.topic,
    )
    return {row["part"]: row["next_offset"] for row in found}
