"""Where a replay of a partition begins: for each camera the newest state that was kept before the range. Nothing is folded here.

Why so: docs/decisions/0012-where-a-replay-begins-and-ends.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from schemas.events import CameraSnapshot
from schemas.topics import CAMERA_LOG, CAMERA_SNAPSHOTS
from stream_processors.domain.camera import CameraState
from stream_processors.domain.refusals import MAX_AHEAD_MS
from stream_processors.replay.plan import Plan
from stream_processors.replay.streams import Topics, decoded
from stream_processors.runtime import snapshots
from stream_processors.runtime.partitioning import Partitioning

HOUR_MS = 3_600_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Start:
    """A camera's state before the record at `offset` of the log; `exact`: nothing that is needed lies before it."""

    offset: int
    state: CameraState
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a partition begins; `others`: where cameras without a start are folded from nothing, None: they say nothing."""

    starts: dict[str, Start]
    others: int | None
    others_exact: bool

    @property
    def offset(self) -> int | None:
        """The first offset to read; None: nothing."""
        offsets = [each.offset for each in self.starts.values()]
        return min(offsets if self.others is None else [*offsets, self.others], default=None)


class Shelf:
    """The snapshots of a partition that lie before a range, read from the topic's end backwards as far as they are needed."""

    def __init__(self, topics: Topics, is_before: Callable[[CameraSnapshot], bool]) -> None:
        self._topics = topics
        self._is_before = is_before
        self._low, self._from = topics.broker.bounds(CAMERA_SNAPSHOTS, topics.partition)
        self.cameras: dict[str, list[CameraSnapshot]] = {}  # ascending; a camera with none has some later
        self.brought: dict[str, CameraSnapshot] = {}  # of cameras whose log was elsewhere before partitions were added

    @property
    def is_read_up(self) -> bool:
        """Whether there is nothing before what was read."""
        return self._from <= self._low

    def read_back(self, since: int) -> None:
        """Read what was appended at or after a moment, UTC ms, and is not read yet."""
        offset = max(self._topics.broker.since(CAMERA_SNAPSHOTS, self._topics.partition, since), self._low)
        found: dict[str, list[CameraSnapshot]] = {}
        for each in self._snapshots(offset):
            kept = found.setdefault(each.camera_id, [])
            if self._is_before(each):
                kept.append(each)
            elif _is_brought(each, self._topics.partitioning):
                self.brought[each.camera_id] = each
        for camera_id, earlier in found.items():
            self.cameras[camera_id] = earlier + self.cameras.get(camera_id, [])
        self._from = min(self._from, offset)

    def _snapshots(self, offset: int) -> Iterator[CameraSnapshot]:
        topics = self._topics
        for message in topics.broker.read(CAMERA_SNAPSHOTS, topics.partition, offset, self._from):
            event = decoded(topics.wire, CAMERA_SNAPSHOTS, message)
            assert isinstance(event, CameraSnapshot), "the topic holds nothing else"
            yield event


def find(topics: Topics, plan: Plan, end: int) -> Beginning:
    """Where to begin a partition of the log, of which nothing at or after `end` is known.

    A frame is at most `MAX_AHEAD_MS` ahead of its append time, and the first of each hour leaves a snapshot: so every camera with
    a frame in the range has left one since the beginning of that hour, and only those are looked for.

    Raises:
        BrokerError: the broker is away.
    """
    low, _ = topics.broker.bounds(CAMERA_LOG, topics.partition)
    if plan.offsets and topics.partition not in plan.offsets:
        return Beginning({}, None, others_exact=True)
    if not plan.offsets and plan.span.start is None:
        return Beginning(_brought_along(topics), low, others_exact=low == 0)
    shelf = Shelf(topics, lambda each: low <= each.next_offset <= end and _is_before(each, plan))
    since = window(plan)
    shelf.read_back(since)
    wanted = [camera_id for camera_id in shelf.cameras if plan.wants(camera_id)]
    may_be_others = shelf.is_read_up and not (plan.offsets and shelf.cameras)
    starts = _starts(shelf, wanted, plan)
    back = HOUR_MS
    while len(starts) < len(wanted) and not shelf.is_read_up:
        since, back = since - back, 2 * back
        shelf.read_back(since)
        starts = _starts(shelf, wanted, plan)
    others = low if may_be_others or len(starts) < len(wanted) else None
    return Beginning(starts, others, others_exact=low == 0)


def oldest(topics: Topics, end: int) -> Beginning:
    """Where to begin a partition so that as much of it as is known exactly is replayed.

    Raises:
        BrokerError: the broker is away.
    """
    low, _ = topics.broker.bounds(CAMERA_LOG, topics.partition)
    if low == 0:
        return Beginning(_brought_along(topics), low, others_exact=True)
    shelf = Shelf(topics, lambda each: low <= each.next_offset <= end)
    shelf.read_back(0)
    usable = {camera_id: list(_usable(kept)) for camera_id, kept in shelf.cameras.items()}
    starts = {camera_id: newest_first[-1] for camera_id, newest_first in usable.items() if newest_first}
    return Beginning(starts, low, others_exact=False)


def _brought_along(topics: Topics) -> dict[str, Start]:
    """The states of cameras whose log was elsewhere before partitions were added."""
    if not topics.partitioning.present:
        return {}
    shelf = Shelf(topics, lambda _: False)
    shelf.read_back(0)
    return {camera_id: start for camera_id, each in shelf.brought.items() for start in _usable([each])}


def _is_brought(snapshot: CameraSnapshot, partitioning: Partitioning) -> bool:
    key, partition, offset = snapshot.camera_id.encode(), snapshot.partition, snapshot.next_offset
    if not offset:
        return snapshot.epoch > 0
    return partitioning.epoch(partition, offset - 1) < snapshot.epoch and not partitioning.is_home(
        key, partition, offset - 1
    )


def window(plan: Plan) -> int:
    """Since when, UTC ms, every camera with a frame in the range has left a snapshot; 0: nobody knows."""
    if plan.offsets or plan.span.start is None:
        return 0
    return plan.span.start // HOUR_MS * HOUR_MS - MAX_AHEAD_MS


def _is_before(snapshot: CameraSnapshot, plan: Plan) -> bool:
    if plan.offsets:
        return snapshot.next_offset <= plan.offsets[snapshot.partition][0]
    return plan.span.start is not None and snapshot.watermark < plan.span.start


def _starts(shelf: Shelf, cameras: Iterable[str], plan: Plan) -> dict[str, Start]:
    found = {camera_id: _start(camera_id, shelf, plan) for camera_id in cameras}
    return {camera_id: start for camera_id, start in found.items() if start is not None}


def _start(camera_id: str, shelf: Shelf, plan: Plan) -> Start | None:
    """Under other rules, who is there at first has a past under the old ones: so begin before any of those were there."""
    newest_first = list(_usable(shelf.cameras[camera_id] or _within(shelf.brought.get(camera_id), plan)))
    if not newest_first:
        return None
    newest = newest_first[0]
    begun = newest.state.tracker.tracks["started_at"]
    if not plan.is_what_if or not len(begun):
        return newest
    earlier = (each for each in newest_first if each.state.watermark < begun.min())
    return next(earlier, replace(newest_first[-1], exact=False) if shelf.is_read_up else None)


def _within(brought: CameraSnapshot | None, plan: Plan) -> list[CameraSnapshot]:
    """A state brought along in the midst of the range begins the rest of it."""
    if brought is None or (plan.span.stop is not None and brought.watermark >= plan.span.stop):
        return []
    return [brought]


def _usable(ascending: Sequence[CameraSnapshot]) -> Iterator[Start]:
    for snapshot in reversed(ascending):
        try:
            yield Start(snapshot.next_offset, snapshots.load(snapshot))
        except snapshots.UnusableSnapshotError as error:
            log.warning("an earlier snapshot is tried", reason=str(error), camera=snapshot.camera_id,
                        partition=snapshot.partition, next_offset=snapshot.next_offset)  # fmt: skip
