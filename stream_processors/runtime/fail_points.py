"""Where a test may end a worker, and the faults it may plant, to prove that the guarantees do not rest on luck.

Off unless the environment says otherwise; no setting of the product. It must not know what the places are for.

`AFORO_TEST_FAIL_POINTS=after-outputs:0.01,before-ack:0.05` ends the process there, as a power cut would, with that chance.
`AFORO_TEST_FAULT=ack-before-outputs` acknowledges records seconds before their outputs are written, so that every `kill -9`
loses some: a check that stays green then is worthless. (Acknowledging before the snapshot loses nothing: recovery sees that
the group is ahead of the states, and makes them again from the log.)
"""

import os
import random
import typing
from collections.abc import Mapping
from typing import Literal, TypeAlias

VARIABLES = {"AFORO_TEST_FAIL_POINTS", "AFORO_TEST_FAULT"}
EXIT_STATUS = 86

FailPoint: TypeAlias = Literal[
    "after-decode",  # a record is read, nothing of it folded
    "after-fold",  # a record is folded in memory
    "before-outputs",  # a batch is folded, nothing of it is written
    "after-outputs",  # the batch's outputs are durable, no snapshot says so
    "before-snapshot",  # a checkpoint begins
    "after-snapshot",  # snapshots are durable, their marker is not
    "before-ack",  # snapshots and marker are durable, the records not acknowledged
    "after-ack",  # acknowledged, perhaps not committed
    "at-revocation",  # partitions are being given up
    "at-rebuild",  # a state is being rebuilt from the log
    "in-transaction",  # rows of a batch and its offset are written, not committed
    "after-rows",  # they are committed, the records not acknowledged
    "after-run-results",  # the results of a replay run are durable, nothing says so
    "after-adoption-command",  # a camera was told to adopt a run, its answer not read
    "after-adoption-answered",  # all cameras of the run have answered, no fact is published
    "after-restated-facts",  # a camera's restated facts are durable, no mark makes them count
    "after-restatement-mark",  # the mark of one topic is durable
]
Fault: TypeAlias = Literal["ack-before-outputs"]
NAMES: frozenset[str] = frozenset(typing.get_args(FailPoint))
FAULTS: frozenset[str] = frozenset(typing.get_args(Fault))


def chances(environment: Mapping[str, str]) -> dict[str, float]:
    """The chance of each fail point that is on.

    Raises:
        ValueError: an unknown name, or no number from 0 to 1.
    """
    pairs = filter(None, environment.get("AFORO_TEST_FAIL_POINTS", "").split(","))
    found = {name: float(chance) for name, _, chance in (pair.partition(":") for pair in pairs)}
    if unknown := found.keys() - NAMES:
        raise ValueError(
            f"AFORO_TEST_FAIL_POINTS: no fail point {', '.join(sorted(unknown))}; there are {sorted(NAMES)}"
        )
    if wrong := [name for name, chance in found.items() if not 0 <= chance <= 1]:
        raise ValueError(f"AFORO_TEST_FAIL_POINTS: the chance of {wrong[0]} must lie in 0..1")
    return found


def planted_faults(environment: Mapping[str, str]) -> frozenset[str]:
    """The faults that are on.

    Raises:
        ValueError: an unknown name.
    """
    found = frozenset(filter(None, environment.get("AFORO_TEST_FAULT", "").split(",")))
    if unknown := found - FAULTS:
        raise ValueError(f"AFORO_TEST_FAULT: no fault {', '.join(sorted(unknown))}; there are {sorted(FAULTS)}")
    return found


_CHANCES = chances(os.environ)
_FAULTS = planted_faults(os.environ)


def reached(name: FailPoint) -> None:
    """End the process here, without cleaning up, if chance has it; nothing otherwise."""
    if _CHANCES and random.random() < _CHANCES.get(name, 0.0):  # noqa: S311 - chance, no secret
        os._exit(EXIT_STATUS)


def planted(fault: Fault) -> bool:
    """Whether the runtime is to commit this fault."""
    return fault in _FAULTS
