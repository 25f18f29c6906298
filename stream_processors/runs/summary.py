"""What a run came to, in the few numbers that are shown before anybody looks at its rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from stream_processors.replay.difference import Amounts, Difference, total
from stream_processors.replay.digests import adoption_digest, digest
from stream_processors.replay.summary import Summary


class RunSummary(msgspec.Struct, frozen=True):
    """A replay's own summary; how many visits changed, by change; all amounts together, before and after.

    `cameras` are those seen in the range; `ends` the offsets of the camera log at which the run ended, by partition: a
    repetition up to there gives the same bytes.
    """

    replay: Summary
    cameras: list[str]
    ends: dict[int, int]
    changes: dict[str, int]
    before: dict[str, int]
    after: dict[str, int]

    @property
    def facts_digests(self) -> dict[str, str]:
        """What adopting the run names as the digest of each camera's visits and minutes."""
        return {camera_id: adoption_digest(self.replay.cameras[camera_id].digests) for camera_id in self.cameras}

    @property
    def digest(self) -> str:
        """Of the whole run: over its cameras' digests, by camera id."""
        return digest(*map(bytes.fromhex, self.facts_digests.values())).hexdigest()


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


def summarised(replay: Summary, cameras: list[str], ends: Mapping[int, int], found: Tally) -> RunSummary:
    """The summary of a run over these cameras, and of its difference."""
    changes = dict(sorted(found.changes.items()))
    return RunSummary(replay, cameras, dict(ends), changes, found.before._asdict(), found.after._asdict())
