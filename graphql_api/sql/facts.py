"""Which facts a query is about: those that hold now, those that held earlier, or those of a replay run.

Restated facts stand beside what they correct; `current_*` and `*_before` in the database say which of them hold.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class AsOf(Enum):
    """Published facts: as they hold now, with every correction, or as they were measured live."""

    CURRENT = "CURRENT"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True)
class BeforeRun:
    """Published facts as they held before this run was adopted; as they hold now where it was not."""

    run_id: str


@dataclass(frozen=True, slots=True)
class OfRun:
    """What this replay run found, adopted or not."""

    run_id: str


Facts: TypeAlias = AsOf | BeforeRun | OfRun


def relation(table: str, as_of: AsOf) -> str:
    """The table's facts, as a relation for FROM; its column `restated_at` is null where nothing was corrected."""
    return f"current_{table}" if as_of is AsOf.CURRENT else f"{table}_before(1)"
