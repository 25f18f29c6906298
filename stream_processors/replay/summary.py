"""What a replay came to: counts, refusals, digests, and what made it. A pure tally; equal runs give equal summaries."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec

from schemas.events import Output, ZoneEntered, ZoneExited
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.digests import whole
from stream_processors.replay.folding import Folded
from stream_processors.replay.plan import Plan, Source

LIBRARIES = ("aforo", "fastavro", "msgspec", "numpy", "scipy")


class CameraSummary(msgspec.Struct, frozen=True):
    """One camera; times are UTC ms, null when no frame was accepted."""

    first_observed_at: int | None
    last_observed_at: int | None
    open_visits: int
    approximate: bool
    settled: bool
    digests: dict[str, str]


class Summary(msgspec.Struct, frozen=True):
    """`summary.json`; docs/replay.md says what each part means."""

    fold_version: int
    versions: dict[str, str]
    from_: int | None = msgspec.field(name="from")
    to: int | None
    source: Source
    parameters: dict[str, int]
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
    outputs: int = 0
    open_visits: int = 0
    settled: bool = False

    def add(self, folded: Folded) -> None:
        """Count what was taken of it."""
        if folded.accepted:
            self.last_observed_at = folded.watermark
            self.first_observed_at = self.first_observed_at or folded.watermark

    def plus(self, other: "CameraTally") -> "CameraTally":
        """This and what was counted of the camera in another partition."""
        first = [at for at in (self.first_observed_at, other.first_observed_at) if at is not None]
        last = [at for at in (self.last_observed_at, other.last_observed_at) if at is not None]
        return CameraTally(
            min(first, default=None),
            max(last, default=None),
            self.outputs + other.outputs,
            self.open_visits + other.open_visits,
            self.settled or other.settled,
        )


@dataclass(slots=True)
class Tally:
    """What is counted of a replay: everything folded, and of the outputs those that are reported."""

    not_records: int = 0
    replaced: int = 0
    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    cameras: dict[str, CameraTally] = field(default_factory=dict)

    def add(self, folded: Folded) -> None:
        """Count what was taken and what it came to."""
        self.read.update(folded.read)
        self.replaced += folded.replaced
        if folded.refusal is not None:
            self.refused[folded.refusal] += 1
        self.cameras.setdefault(folded.camera_id, CameraTally()).add(folded)

    def report(self, output: Output) -> None:
        """Count an output that is reported."""
        self.outputs[type(output).__name__] += 1
        camera = self.cameras[output.camera_id]
        camera.outputs += 1
        camera.open_visits += isinstance(output, ZoneEntered) - isinstance(output, ZoneExited)

    @property
    def first_observed_at(self) -> int | None:
        """The first accepted frame of all cameras."""
        return min((at for each in self.cameras.values() if (at := each.first_observed_at) is not None), default=None)

    @property
    def last_observed_at(self) -> int | None:
        """The last accepted frame of all cameras."""
        return max((at for each in self.cameras.values() if (at := each.last_observed_at) is not None), default=None)


def merged(tallies: Iterable[Tally]) -> Tally:
    """The tally of several partitions; a camera may stand in more than one, once partitions were added."""
    total = Tally()
    for each in tallies:
        total.not_records += each.not_records
        total.replaced += each.replaced
        total.read += each.read
        total.refused += each.refused
        total.outputs += each.outputs
        for camera_id, camera in each.cameras.items():
            known = total.cameras.get(camera_id)
            total.cameras[camera_id] = camera if known is None else known.plus(camera)
    return total


def summarise(
    plan: Plan, tally: Tally, digests: Mapping[str, Mapping[str, str]], approximate: frozenset[str]
) -> Summary:
    """What `tally` and the cameras' `digests` come to; `approximate` names the cameras whose past is not known."""
    cameras = {
        camera_id: CameraSummary(
            first_observed_at=each.first_observed_at,
            last_observed_at=each.last_observed_at,
            open_visits=each.open_visits,
            approximate=camera_id in approximate,
            settled=each.settled,
            digests=dict(digests[camera_id]),
        )
        for camera_id, each in sorted(tally.cameras.items())
    }
    return Summary(
        fold_version=FOLD_VERSION,
        versions=versions(),
        from_=plan.span.start,
        to=plan.span.stop,
        source=plan.source,
        parameters=plan.parameters.given(),
        approximate=bool(approximate),
        read=dict(sorted(tally.read.items())),
        not_records=tally.not_records,
        replaced_definitions=tally.replaced,
        cameras_without_records=sorted(plan.zones.cameras.keys() - cameras.keys()),
        refused=dict(sorted(tally.refused.items())),
        first_observed_at=tally.first_observed_at,
        last_observed_at=tally.last_observed_at,
        open_visits=sum(each.open_visits for each in cameras.values()),
        outputs=dict(sorted(tally.outputs.items())),
        digests=whole({camera_id: each.digests for camera_id, each in cameras.items()}),
        cameras=cameras,
    )


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
