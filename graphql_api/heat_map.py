"""The heat map of a camera: where people stood in its picture, and for how long."""

from datetime import datetime, timedelta

import strawberry

from graphql_api.as_of import RESTATED_AT
from graphql_api.context import Info
from graphql_api.described import output, resolved
from graphql_api.errors import BadInputError, RangeError
from graphql_api.sql.track_positions import heat
from graphql_api.time_range import TimeRange, checked

MAX_CELLS_ACROSS = 128
LONGEST = timedelta(days=31)


@output
class HeatMap:
    """Seconds that people stood in each cell of the picture, from stored positions: one a second for each track."""

    camera_id: strawberry.ID
    columns: int
    rows: int
    cells: list[int] = strawberry.field(description="Person seconds, row by row from the left upper corner.")
    max_seconds: int = strawberry.field(description="Of the fullest cell.")
    total_seconds: int
    restated_at: datetime | None = strawberry.field(description=RESTATED_AT)


@strawberry.type
class HeatMapQuery:
    """Queries about where people stand."""

    @resolved
    async def heat_map(
        self,
        info: Info,
        camera_id: strawberry.ID,
        range: TimeRange,  # noqa: A002 - the argument's public name
        columns: int = 64,
        rows: int = 36,
    ) -> HeatMap:
        """Where people stood in a camera's picture within the range of at most 31 days; positions are kept for 30 days."""
        span, shape = _checked(range, columns, rows), (columns, rows)
        found = await info.context.services.database.run(heat, camera_id, (span.start, span.stop), shape)
        seconds = {row["cell"]: row["seconds"] for row in found}
        return HeatMap(
            camera_id=camera_id,
            columns=columns,
            rows=rows,
            cells=[seconds.get(cell, 0) for cell in _numbers(columns * rows)],
            max_seconds=max(seconds.values(), default=0),
            total_seconds=sum(seconds.values()),
            restated_at=max((row["restated_at"] for row in found if row["restated_at"]), default=None),
        )


_numbers = range  # the argument of that name hides it


def _checked(span: TimeRange, columns: int, rows: int) -> TimeRange:
    if not (1 <= columns <= MAX_CELLS_ACROSS and 1 <= rows <= MAX_CELLS_ACROSS):
        raise BadInputError(f"A heat map has 1 to {MAX_CELLS_ACROSS} columns and rows, not {columns} and {rows}.")
    if checked(span).stop - span.start > LONGEST:
        raise RangeError(f"The range is longer than {LONGEST.days} days. Ask for part of it.")
    return span
