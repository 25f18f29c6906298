"""Numbers of groups: what tells about fewer persons than a group has is withheld. Pure; docs/security.md says what it protects.

How many persons a number is about is not known, as one person may be several tracks. That so many were inside of one zone at
once is known, and they were different persons: the peak is what a group is measured by.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import RowMapping

Row: TypeAlias = RowMapping | Mapping[str, Any]
WITHHELD = ("efficiency", "utilisation", "capacity_use", "work_ms", "present_ms", "people", "peak")


def withheld(rows: Sequence[Row], group_of: int) -> list[Row]:
    """Rows of measures, by bucket and zone (null: all zones), without the numbers about fewer than `group_of` persons.

    A zone's number needs a peak of so many in that zone and bucket, that of all zones needs it in one of them. Numbers of nobody
    are withheld, too: that one person is not there is about that person.
    """
    if group_of <= 1:
        return list(rows)
    largest: dict[int, int] = {}
    for row in rows:
        if row["zone_id"] is not None:
            largest[row["bucket"]] = max(largest.get(row["bucket"], 0), row["peak"] or 0)
    return [row if _peak(row, largest) >= group_of else _without(row) for row in rows]


def _peak(row: Row, largest: Mapping[int, int]) -> int:
    peak: int | None = largest.get(row["bucket"], 0) if row["zone_id"] is None else row["peak"]
    return peak or 0


def _without(row: Row) -> Row:
    return {**row, **{name: None for name in WITHHELD if name in row}}
