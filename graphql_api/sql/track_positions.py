"""Where tracks were, as stored once a second: the path of a track, and how long people stood where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows

# Of more positions than asked for, the first, the last, and others as evenly between as whole seconds allow. The range of the
# track lets chunks be left out.
_PATHS = """
SELECT asked.no, seen.* FROM unnest(
  CAST(:cameras AS text[]), CAST(:tracks AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:stops AS timestamptz[]),
  CAST(:most AS int[])) WITH ORDINALITY AS asked(camera_id, track_no, start, stop, most, no)
CROSS JOIN LATERAL (
  SELECT second + offset_ms * interval '1 millisecond' AS t, foot_x / 10000.0::float8 AS x, foot_y / 10000.0::float8 AS y
  FROM (SELECT second, offset_ms, foot_x, foot_y, row_number() OVER (ORDER BY second) - 1 AS step,
               greatest(count(*) OVER () - 1, 1) AS last
        FROM current_track_positions AS stored
        WHERE stored.camera_id = asked.camera_id AND stored.track_no = asked.track_no
          AND second >= date_trunc('second', asked.start) AND second <= asked.stop) AS stored
  WHERE last < most OR step = 0 OR step * (most - 1) / last > (step - 1) * (most - 1) / last) AS seen
ORDER BY asked.no, t
"""
_HEAT = """
SELECT least(foot_y * :rows / 10000, :rows - 1) * :columns + least(foot_x * :columns / 10000, :columns - 1) AS cell,
       count(*) AS seconds, max(restated_at) AS restated_at
FROM current_track_positions
WHERE camera_id = :camera_id AND second >= :start AND second < :stop AND foot_x BETWEEN 0 AND 10000
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class PathKey:
    """A track, the time it lasted, and how many points of its path are asked for at most."""

    camera_id: str
    track_no: int
    start: datetime
    stop: datetime
    most: int


def paths(connection: Connection, keys: Sequence[PathKey]) -> Sequence[RowMapping]:
    """The positions of these tracks in order of time, thinned; `no` counts the keys from 1."""
    return rows(
        connection,
        _PATHS,
        cameras=[key.camera_id for key in keys],
        tracks=[key.track_no for key in keys],
        starts=[key.start for key in keys],
        stops=[key.stop for key in keys],
        most=[key.most for key in keys],
    )


def heat(
    connection: Connection, camera_id: str, span: tuple[datetime, datetime], shape: tuple[int, int]
) -> Sequence[RowMapping]:
    """The cells of a grid of `shape` (columns, rows) in which feet stood within `span`, and for how many seconds."""
    return rows(connection, _HEAT, camera_id=camera_id, start=span[0], stop=span[1], columns=shape[0], rows=shape[1])
