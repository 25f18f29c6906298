"""A replay from Kafka: a bounded range of the camera log, its partitions side by side in processes of their own.

It knows the broker and the registry, but no database and no file: results go to sinks (`sinks.Sink`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.replay.broker import KafkaBroker
from stream_processors.replay.digests import Digests
from stream_processors.replay.digests import merged as merged_digests
from stream_processors.replay.errors import NoDataError
from stream_processors.replay.folding import Folded, Said
from stream_processors.replay.partition import PartitionReplay
from stream_processors.replay.plan import Plan
from stream_processors.replay.processes import Tell, in_processes, one_by_one
from stream_processors.replay.sinks import Progress, Sinks
from stream_processors.replay.starts import find
from stream_processors.replay.streams import Topics, registry_asked
from stream_processors.replay.summary import Summary, Tally, merged, summarise
from stream_processors.runtime.partitioning import Partitioning

FOLD_GROUP = "aforo-cameras"
CHECKPOINT_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class Log:
    """Where the camera log stands, and what was made of it."""

    kafka: KafkaSettings
    registry_url: str

    def topics(self, partition: int) -> Topics:
        """The topics of one of its partitions."""
        wire = Wire(HttpRegistry(self.registry_url))
        return Topics(KafkaBroker(self.kafka), wire, partition, Partitioning.of(self.kafka))


def ends(log: Log) -> dict[int, int]:
    """For each partition of the camera log the offset up to which the live fold has judged it: where a replay ends.

    Raises:
        NoDataError: nothing has been folded yet.
        BrokerError: the broker is away.
    """
    found = KafkaBroker(log.kafka).committed(CAMERA_LOG, FOLD_GROUP)
    if not any(found.values()):
        raise NoDataError("nothing has been folded yet; start `aforo process cameras` and try again")
    return found


def replay(
    log: Log,
    plan: Plan,
    sinks: Sinks,
    *,
    progress: Progress,
    ends: dict[int, int],
    jobs: int = 1,
    checkpoint_records: int = CHECKPOINT_RECORDS,
) -> Summary:
    """Replay a plan into one sink a partition, `jobs` partitions at a time (1: in this process), up to `ends`.

    To go on with an interrupted replay, give the same plan and the `ends` it began with: the bytes are then the same.
    The summary has each camera's digests, whether its part is approximate, and how many visits of the range are still open.

    Raises:
        NoDataError: there is nothing to report of the range; the sinks hold nothing.
        ReplayError: it cannot be done, or not now; the message says why, and what the sinks' marks vouch for is kept.
    """
    tasks = [_Task(log, plan, partition, end, sinks, checkpoint_records) for partition, end in sorted(ends.items())]
    run = one_by_one if jobs == 1 else partial(in_processes, jobs)
    parts = run(tasks, progress)
    tally = merged(each.tally for each in parts)
    if not tally.outputs:
        raise NoDataError(_nothing(plan))
    digests = merged_digests(each.digests for each in parts)
    return summarise(plan, tally, digests, frozenset().union(*(each.approximate for each in parts)))


class PartitionRun:
    """One partition of a plan, read from Kafka record by record; whoever runs it decides what becomes of the outputs."""

    def __init__(self, topics: Topics, plan: Plan, end: int) -> None:
        self.course = PartitionReplay(plan)
        self._topics = topics
        self._plan = plan
        self._end = min(end, plan.offsets.get(topics.partition, (0, end))[1])

    def begin(self, mark: bytes | None = None) -> None:
        """Begin at the newest snapshots before the range, or go on at a mark.

        Raises:
            BrokerError: the broker is away.
            RegistryUnavailableError: the registry is.
        """
        if mark is None:
            self.course.begin(find(self._topics, self._plan, self._end))
        else:
            self.course.resume(mark)

    def steps(self, tell: Tell) -> Iterator[tuple[Folded, list[Said]]]:
        """What each record came to, and what of it is reported.

        Raises:
            BrokerError: the broker is away.
            RegistryUnavailableError: the registry is.
            InputError: a record cannot be read.
        """
        began = self.course.next_offset
        if self.course.is_over:
            return
        logged = partial(self._topics.logged, judge_again=self._plan.judge_again)
        source = logged if self._plan.source == "log" else self._topics.caused
        for step in self.course.take(source(began, self._end, self.course.wants)):
            tell(self.course.next_offset - began, self._end - began)
            yield step


@dataclass(frozen=True, slots=True)
class _Part:
    """What one partition came to."""

    tally: Tally
    digests: dict[str, dict[str, str]]
    approximate: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Task:
    """One partition to replay up to `end` into its sink, in this process or another."""

    log: Log
    plan: Plan
    partition: int
    end: int
    sinks: Sinks
    checkpoint_records: int

    def __call__(self, tell: Tell) -> _Part:
        run, digests = PartitionRun(self.log.topics(self.partition), self.plan, self.end), Digests(self.plan.source)
        course = run.course
        with registry_asked(), self.sinks(self.partition) as sink:
            mark = sink.begin()
            run.begin(mark)
            for said in () if mark is None else sink.written():
                digests.add(said)
            for number, (_, reported) in enumerate(run.steps(tell), 1):
                for said in reported:
                    sink.write(said)
                    digests.add(said)
                if not number % self.checkpoint_records:
                    sink.checkpoint(course.mark())
            sink.checkpoint(course.mark())
        return _Part(course.tally, {each: digests.of(each) for each in course.tally.cameras}, course.approximate)


def _nothing(plan: Plan) -> str:
    cameras = f" of {', '.join(plan.cameras)}" if plan.cameras else ""
    return f"no data{cameras} in {plan.span}: no frame was taken then, so nobody knows who was there"
