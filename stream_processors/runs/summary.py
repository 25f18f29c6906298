"""What a run came to, in the few numbers that are shown before anybody looks at its rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from stream_processors.replay.difference import Amounts, Difference, total
from stream_processors.replay.digests import adoption_digest, digest
from stream_processors.replay.summary import Summary


class RunCamera(msgspec.Struct, frozen=True):
    """A camera seen in the range: whether all of it was decided, and the digest of its facts that adopting the run names."""

    settled: bool
    digest: str


class RunSummary(msgspec.Struct, frozen=True):
    """How the run was made, what it says of its cameras, how many visits changed by change, and all amounts before and after.

    `ends` are the offsets of the camera log at which the run ended, by partition: a repetition up to there gives the same bytes.
    """

    fold_version: int
    approximate: bool
    open_visits: int
    outputs: dict[str, int]
    cameras: dict[str, RunCamera]
    ends: dict[int, int]
    changes: dict[str, int]
    before: dict[str, int]
    after: dict[str, int]

    @property
    def digests(self) -> dict[str, str]:
        """Each camera's digest."""
        return {camera_id: each.digest for camera_id, each in self.cameras.items()}

    @property
    def digest(self) -> str:
        """Of the whole run: over its cameras' digests, by camera id."""
        return digest(*(bytes.fromhex(each) for _, each in sorted(self.digests.items()))).hexdigest()


def seen(replay: Summary, start: int, stop: int) -> list[str]:
    """The cameras that had an accepted frame in [start, stop) or on both sides of it; of others nothing is known there."""
    return [
        camera_id
        for camera_id, each in sorted(replay.cameras.items())
        if each.first_observed_at is not None and each.last_observed_at is not None
        and each.first_observed_at < stop and each.last_observed_at >= start
    ]  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What is counted of a difference, camera by camera: its rows, how visits changed, and all amounts."""

    hours: int = 0
    visits: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    before: Amounts = field(default_factory=Amounts)
    after: Amounts = field(default_factory=Amounts)

    def add(self, found: Difference) -> None:
        """Count one more camera."""
        before, after = total(found.hours)
        self.hours += len(found.hours)
        self.visits += len(found.visits)
        self.changes += Counter(str(each.change) for each in found.visits) + Counter(SAME=found.same_visits)
        self.before, self.after = self.before.plus(before), self.after.plus(after)


def summarised(replay: Summary, cameras: Iterable[str], ends: Mapping[int, int], found: Tally) -> RunSummary:
    """The summary of a replay for these cameras, and of its difference."""
    of = {each: replay.cameras[each] for each in cameras}
    return RunSummary(
        fold_version=replay.fold_version,
        approximate=replay.approximate,
        open_visits=sum(each.open_visits for each in of.values()),
        outputs=replay.outputs,
        cameras={name: RunCamera(each.settled, adoption_digest(each.digests)) for name, each in of.items()},
        ends=dict(ends),
        changes=dict(sorted(found.changes.items())),
        before=found.before._asdict(),
        after=found.after._asdict(),
    )
