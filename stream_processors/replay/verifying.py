"""The proof of what was published: a range recomputed from its snapshots and compared with the topics, partition by partition.

Results are handed back; how they are shown is not known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from schemas.events import CameraSnapshot, Position
from schemas.topics import CAMERA_EVENTS, CAMERA_SNAPSHOTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.adoptions import AdoptionVerdict, verify_adoptions
from stream_processors.replay.comparison import HOUR_MS, Comparison, Disagreement
from stream_processors.replay.engine import Log, PartitionRun
from stream_processors.replay.exporting import Stored
from stream_processors.replay.plan import Plan
from stream_processors.replay.processes import Tell, in_processes, one_by_one
from stream_processors.replay.sinks import Progress
from stream_processors.replay.starts import Beginning, find, oldest, window
from stream_processors.replay.streams import Topics, decoded, registry_asked

TOPICS = TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS


@dataclass(frozen=True, slots=True)
class HourVerdict:
    """What was compared of a camera, topic and UTC hour (its beginning, UTC ms): records on both sides, and their bytes."""

    camera_id: str
    topic: str
    hour: int
    replayed: int
    published: int
    agrees: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    - hours: what was compared, by camera, topic and hour.
    - disagreements: of each camera the first record that differs, if any does.
    - adoptions: what was found of restated ranges.
    - incomparable: cameras that could not be compared, and why.
    """

    hours: list[HourVerdict]
    disagreements: dict[str, Disagreement]
    adoptions: list[AdoptionVerdict]
    incomparable: dict[str, str]

    @property
    def agrees(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.disagreements and not any(each.wrong for each in self.adoptions)


def verify(log: Log, plan: Plan, ends: Mapping[int, int], *, progress: Progress, jobs: int = 1) -> Verdict:
    """Compare a range with what was published of it, from the snapshots before it to where it is settled or the log ends.

    Raises:
        ReplayError: it cannot be done, or not now; the message says why.
    """
    tasks = [_Task(log, plan, partition, end) for partition, end in sorted(ends.items())]
    run = one_by_one if jobs == 1 else partial(in_processes, jobs)
    found = run(tasks, progress)
    return Verdict(
        sorted((each for one in found for each in one.hours), key=lambda each: (each.camera_id, each.hour, each.topic)),
        {camera_id: each for one in found for camera_id, each in one.disagreements.items()},
        [each for one in found for each in one.adoptions],
        {camera_id: why for one in found for camera_id, why in one.incomparable.items()},
    )


def verify_partition(topics: Topics, plan: Plan, end: int, tell: Tell) -> Verdict:
    """The verdict on one partition of the log, which is judged up to `end`.

    Raises:
        BrokerError: the broker is away.
        RegistryUnavailableError: the registry is.
        InputError: a record cannot be read.
    """
    versions = _versions(topics, plan)
    incomparable = {
        camera_id: f"made by fold version {', '.join(map(str, sorted(found)))}, and this is version {FOLD_VERSION}"
        for camera_id, found in versions.items()
        if found != {FOLD_VERSION}
    }
    if incomparable:
        plan = msgspec.structs.replace(plan, cameras=tuple(sorted(versions.keys() - incomparable.keys())))
        if not plan.cameras:
            return Verdict([], {}, [], incomparable)
    beginning = oldest(topics, end) if plan.span.start is None else find(topics, plan, end)
    if not beginning.others_exact:
        lost = filter(plan.wants, versions.keys() - beginning.starts.keys())
        incomparable |= dict.fromkeys(lost, "the log no longer holds what came before")
        beginning = replace(beginning, others=None)
    comparison = _compare(topics, plan, beginning, end, tell)
    hours = [
        HourVerdict(camera_id, topic, hour * HOUR_MS, each.replayed.records, each.published.records, each.agrees)
        for (camera_id, topic, hour), each in comparison.hours.items()
    ]
    return Verdict(hours, comparison.first, list(verify_adoptions(topics, plan, end)), incomparable)


def _compare(topics: Topics, plan: Plan, beginning: Beginning, end: int, tell: Tell) -> Comparison:
    run = PartitionRun(topics, plan, end)
    run.course.begin(beginning)
    begun = run.course.next_offset < end and not run.course.is_over
    sides = {
        topic: _wanted(plan, topics.since(topic, run.course.next_offset)) if begun else iter(()) for topic in TOPICS
    }
    comparison = Comparison(sides, partial(decoded, topics.wire), run.course.took)
    for folded, _ in run.steps(tell):
        comparison.add(folded)
    end = run.course.next_offset
    epoch = topics.partitioning.epoch(topics.partition, end)
    comparison.finish(Position(epoch=epoch, partition=topics.partition, offset=end, index=0))
    return comparison


def _versions(topics: Topics, plan: Plan) -> dict[str, set[int]]:
    """The cameras of the plan that left snapshots around the range, and by which versions of the fold."""
    low, high = topics.broker.bounds(CAMERA_SNAPSHOTS, topics.partition)
    start = max(low, topics.broker.since(CAMERA_SNAPSHOTS, topics.partition, window(plan)))
    found: dict[str, set[int]] = {}
    for message in _wanted(plan, topics.broker.read(CAMERA_SNAPSHOTS, topics.partition, start, high)):
        event = decoded(topics.wire, CAMERA_SNAPSHOTS, message)
        assert isinstance(event, CameraSnapshot), "the topic holds nothing else"
        if plan.span.stop is None or event.watermark < plan.span.stop:
            found.setdefault(event.camera_id, set()).add(event.fold_version)
    return found


def _wanted(plan: Plan, messages: Iterator[Stored]) -> Iterator[Stored]:
    return (each for each in messages if plan.wants_key(each.key))


@dataclass(frozen=True, slots=True)
class _Task:
    """One partition to verify, in this process or another."""

    log: Log
    plan: Plan
    partition: int
    end: int

    def __call__(self, tell: Tell) -> Verdict:
        with registry_asked():
            return verify_partition(self.log.topics(self.partition), self.plan, self.end, tell)
