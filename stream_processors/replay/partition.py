"""The replay of one partition: which records are taken, what is reported, and when there is nothing more to say.

It must not know topics, sinks or processes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from stream_processors.domain.zone_replay import Cause
from stream_processors.replay.exporting import Stored
from stream_processors.replay.folding import Fold, Folded, Refold, Said
from stream_processors.replay.lines import Logged
from stream_processors.replay.plan import Plan
from stream_processors.replay.rezoning import Rezone
from stream_processors.replay.starts import Beginning
from stream_processors.replay.summary import Tally

Item = Logged | list[Cause]


class _Mark(msgspec.Struct, frozen=True):
    """All that a replay is between two records."""

    next_offset: int
    starts: dict[str, int]
    exact: dict[str, bool]
    others: int | None
    others_exact: bool
    settled: dict[str, int]
    is_over: bool
    fold: bytes
    tally: Tally


class PartitionReplay:
    """Folds the records of one partition of the log, or what they caused, camera by camera until each is settled."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._fold: Fold[Any] = Refold(plan) if plan.source == "log" else Rezone(plan)
        self._starts: dict[str, int] = {}
        self._exact: dict[str, bool] = {}
        self._others: int | None = None
        self._others_exact = True
        self.settled: dict[str, int] = {}  # cameras of which all is said, and the first offset they do without
        self.next_offset = 0
        self.is_over = False
        self.tally = Tally()

    def begin(self, beginning: Beginning) -> None:
        """Begin anew."""
        for camera_id, start in beginning.starts.items():
            self._fold.start(start.state)
            self._starts[camera_id], self._exact[camera_id] = start.offset, start.exact
        self._others, self._others_exact = beginning.others, beginning.others_exact
        self.is_over = beginning.offset is None
        self.next_offset = beginning.offset or 0

    def resume(self, mark: bytes) -> None:
        """Go on from a mark of the same plan."""
        found = _DECODER.decode(mark)
        self._fold.load(found.fold)
        self._starts, self._exact, self.settled = found.starts, found.exact, found.settled
        self._others, self._others_exact = found.others, found.others_exact
        self.next_offset, self.is_over, self.tally = found.next_offset, found.is_over, found.tally

    def mark(self) -> bytes:
        """What `resume` needs."""
        return _ENCODER.encode(
            _Mark(
                self.next_offset, self._starts, self._exact, self._others, self._others_exact, self.settled,
                self.is_over, self._fold.dump(), self.tally,
            )
        )  # fmt: skip

    def wants(self, message: Stored) -> bool:
        """Whether a message may be taken, by its key alone."""
        camera_id = (message.key or b"").decode("utf-8", "replace")
        known = camera_id in self._starts or self._others is not None
        return known and camera_id not in self.settled and self._plan.wants(camera_id)

    def took(self, camera_id: str, offset: int) -> bool:
        """Whether the record of a camera at an offset of the log is one of those that are taken."""
        start = self._starts.get(camera_id, self._others)
        if start is None or offset < start or not self._plan.wants(camera_id):
            return False
        return camera_id not in self.settled or offset < self.settled[camera_id]

    def take(self, items: Iterable[Item]) -> Iterator[tuple[Folded, list[Said]]]:
        """Fold items in order; gives what each came to, and what of it is reported."""
        for item in items:
            camera_id, offset = _place(item)
            if offset >= self._starts.get(camera_id, 0) and camera_id not in self.settled:
                folded = self._fold.fold(item)
                reported = self._reported(folded)
                self.next_offset = offset + 1
                self._settle(folded)
                yield folded, reported
            if self.is_over:
                return
        self.is_over = True

    @property
    def approximate(self) -> frozenset[str]:
        """Cameras of which something is reported, though what they were before is not known."""
        reported = (camera_id for camera_id, each in self.tally.cameras.items() if each.outputs)
        return frozenset(each for each in reported if not self._exact.get(each, self._others_exact))

    def _reported(self, folded: Folded) -> list[Said]:
        self.tally.add(folded)
        reported = [said for said in folded.said if self._plan.reports(said.output, folded.watermark)]
        for said in reported:
            self.tally.report(said.output)
        return reported

    def _settle(self, folded: Folded) -> None:
        """Let a camera go when nothing more can be said of the range."""
        if self._fold.is_settled(folded.camera_id):
            self.tally.cameras[folded.camera_id].settled = True
            self.settled[folded.camera_id] = self.next_offset
            self.is_over = self._others is None and self.settled.keys() >= self._starts.keys()


def _place(item: Item) -> tuple[str, int]:
    """The camera, and the offset of the record in the log."""
    if isinstance(item, list):
        return item[0].camera_id, item[0].position.offset
    assert item.position is not None, "a record of Kafka has its place"
    return item.record.camera_id, item.position.offset


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Mark, dec_hook=lambda _type, counts: Counter(counts))
