"""When a camera whose records cannot be folded is no longer tried, and when it is tried again.

A pure rule of how many of its records in a row were refused so; that number is kept with the camera's state, so a restart or
a rebuild decides the same.
"""

from schemas.events import Refusal

AFTER = 20  # in a row
PROBE_EVERY = 100
POISONOUS: frozenset[Refusal] = frozenset({"POISON", "UNDECODABLE", "UNKNOWN_SCHEMA", "QUARANTINED"})


def entered(poisoned: int) -> bool:
    """Whether a camera is quarantined, given how many of its records in a row were poisonous."""
    return poisoned >= AFTER


def closed(poisoned: int) -> bool:
    """Whether its next frame is refused untried; now and then one is tried, and frees it when it can be folded."""
    return entered(poisoned) and (poisoned - AFTER + 1) % PROBE_EVERY != 0


def after(poisoned: int, refusal: Refusal | None) -> int:
    """The number after one more record, which was refused for a reason or folded.

    What is no fault of the record's making (a missing signature, say) neither adds nor frees: anyone may write such records.
    """
    if refusal is None:
        return 0
    return poisoned + (refusal in POISONOUS)
