"""What a replay came to: counts, refusals, digests, and what made it. A pure tally; equal runs give equal summaries."""

import platform
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec

from schemas.events import Output, ZoneEntered, ZoneExited
from stream_processors.replay.folding import Folded
from stream_processors.replay.lines import Logged

LIBRARIES = ("aforo", "fastavro", "msgspec", "numpy", "scipy")


class CameraSummary(msgspec.Struct, frozen=True):
    """One camera; times are UTC ms, null when no frame was accepted."""

    first_observed_at: int | None
    last_observed_at: int | None
    open_visits: int
    approximate: bool
    digests: dict[str, str]


class Summary(msgspec.Struct, frozen=True):
    """`summary.json`; docs/replay.md says what each part means."""

    fold_version: int
    versions: dict[str, str]
    from_: int | None = msgspec.field(name="from")
    to: int | None
    approximate: bool
    read: dict[str, int]
    not_records: int
    replaced_definitions: int
    cameras_without_records: list[str]
    refused: dict[str, int]
    first_observed_at: int | None
    last_observed_at: int | None
    open_visits: int
    outputs: dict[str, int]
    digests: dict[str, str]
    cameras: dict[str, CameraSummary]


@dataclass(slots=True)
class CameraTally:
    """What is counted of one camera."""

    first_observed_at: int | None = None
    last_observed_at: int | None = None
    open_visits: int = 0

    def add(self, folded: Folded) -> None:
        """Count what a record came to."""
        if folded.accepted:
            self.last_observed_at = folded.watermark
            self.first_observed_at = self.first_observed_at or folded.watermark
        for each in folded.said:
            self.open_visits += isinstance(each.output, ZoneEntered) - isinstance(each.output, ZoneExited)


@dataclass(slots=True)
class Tally:
    """What is counted of a replay: everything folded, and of the outputs those that are reported."""

    not_records: int = 0
    replaced: int = 0
    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    cameras: dict[str, CameraTally] = field(default_factory=dict)

    def add(self, logged: Logged, folded: Folded) -> None:
        """Count a record and what it came to."""
        self.read[type(logged.record).__name__] += 1
        self.replaced += folded.replaced
        if folded.refusal is not None:
            self.refused[folded.refusal] += 1
        self.cameras.setdefault(folded.camera_id, CameraTally()).add(folded)

    def report(self, output: Output) -> None:
        """Count an output that is written."""
        self.outputs[type(output).__name__] += 1

    @property
    def first_observed_at(self) -> int | None:
        """The first accepted frame of all cameras."""
        return min((at for each in self.cameras.values() if (at := each.first_observed_at) is not None), default=None)

    @property
    def last_observed_at(self) -> int | None:
        """The last accepted frame of all cameras."""
        return max((at for each in self.cameras.values() if (at := each.last_observed_at) is not None), default=None)


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
