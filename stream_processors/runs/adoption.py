"""Adoption of a run: its facts take the place of those that hold in its range, camera by camera and topic by topic.

Each camera's fold numbers the restatement; then its facts are published, and last a mark in each topic makes them count: all in
the partition the camera has now, so that readers meet the mark last, whatever partition the causes were in. Every step may be
repeated, at any point and by anybody: a command is taken once, and the same bytes stand for themselves.
Why so: docs/decisions/0009-restated-facts-stand-beside-what-they-correct.md
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import msgspec

from schemas.events import (
    AdoptRun,
    CommandRefused,
    Derived,
    Position,
    RangeRestated,
    RecordRefused,
    RunAdopted,
    TrackEnded,
    TracksObserved,
    TracksRestated,
    ZoneMinutesRestated,
    ZoneVisitsRestated,
)
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.projections.errors import TransientError
from stream_processors.projections.rows import seq_of
from stream_processors.replay import engine
from stream_processors.replay.digests import Digests, adoption_digest
from stream_processors.replay.folding import Said
from stream_processors.replay.sinks import Sink
from stream_processors.replay.span import Span, told
from stream_processors.runs.publishing import Publisher
from stream_processors.runs.run import AdoptionRefusedError, Run
from stream_processors.runs.store import RunStore
from stream_processors.runtime.fail_points import reached

ANSWERED_WITHIN_S = 30.0
POLL_S = 0.2
_LONGEST_TRACK_MS = 3_600_000  # a track begun in the range may end so much later
# In the order of the topics' indexes behind the RunAdopted, which is the cause's effect number 0.
_MARKS: tuple[type[RangeRestated], ...] = (ZoneVisitsRestated, ZoneMinutesRestated, TracksRestated)

AnyDerived = TypeVar("AnyDerived", bound=Derived)


class StoppedError(Exception):
    """The worker ends; whoever takes the run next begins the step anew."""


def objections(run: Run, watermarks: Mapping[str, int], digests: Mapping[str, str]) -> list[str]:
    """Why a run cannot be adopted, and what to do; none when it can.

    Args:
        run: a run that is done.
        watermarks: of its cameras, UTC ms.
        digests: of the facts that its tables hold, by camera.
    """
    assert run.summary is not None, "the run is done"
    summary = run.summary
    undecided = [name for name, each in summary.cameras.items() if not each.settled]
    behind = [each for each in summary.cameras if watermarks.get(each, 0) < run.range_to]
    found = {
        f"it was made by fold version {summary.fold_version}, and this is version {FOLD_VERSION}: start it again":
            summary.fold_version != FOLD_VERSION,
        "it is approximate, because the log no longer holds what came before its range: start one with a later range":
            summary.approximate,
        f"not all of its range was decided yet at {', '.join(undecided)}, with {summary.open_visits} visits still open: start "
        "it again later, or one that ends earlier": undecided,
        f"its range ends at {told(run.range_to)}, and not seen past that are {', '.join(behind)}: adopt it later": behind,
        "its tables do not hold what it said: drop it and start it again": digests != summary.digests,
    }  # fmt: skip
    return [reason for reason, holds in found.items() if holds]


def restated(adopted: RunAdopted, fact: AnyDerived) -> AnyDerived:
    """A run's fact as it is published; under other zones it names them by a revision of their own, below zero."""
    changes: dict[str, int] = {"restatement": adopted.restatement}
    if adopted.zones is not None and hasattr(fact, "zones_revision"):
        changes["zones_revision"] = -adopted.restatement
    return msgspec.structs.replace(fact, **changes)


def marks(adopted: RunAdopted, *, with_tracks: bool) -> Iterator[RangeRestated]:
    """What makes the facts count, one for each topic; tracks are restated only when people were tracked otherwise."""
    for index, mark in enumerate(_MARKS if with_tracks else _MARKS[:-1], 1):
        yield mark(
            position=msgspec.structs.replace(adopted.position, index=index),
            camera_id=adopted.camera_id,
            run_id=adopted.run_id,
            restatement=adopted.restatement,
            range_from=adopted.range_from,
            range_to=adopted.range_to,
        )


class Adoption:
    """Adopts runs, one at a time.

    Args:
        store: where runs and their facts are, and the answers of cameras.
        publisher: appends commands and facts.
        source: the log, to track people anew.
        wait: sleeps for so many seconds; True when the worker ends.
    """

    def __init__(
        self, store: RunStore, publisher: Publisher, source: engine.Log, wait: Callable[[float], bool]
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._source = source
        self._wait = wait

    def adopt(self, run: Run) -> None:
        """Return when every fact and mark is durable.

        Raises:
            AdoptionRefusedError: the run cannot be adopted; nothing that holds has changed.
            TransientError, ConnectionError: something is away; adopt it again later.
            StoppedError: the worker ends.
        """
        assert run.summary is not None, "the run is done"
        cameras = list(run.summary.cameras)
        digests = {camera_id: self._digest(run, camera_id) for camera_id in cameras}
        if found := objections(run, self._store.watermarks(cameras), digests):
            raise AdoptionRefusedError("; ".join(found))
        answers = {camera_id: self._answer(run, run.adoption(camera_id)) for camera_id in cameras}
        reached("after-adoption-answered")
        with_tracks = run.plan.changes_tracks
        if with_tracks:
            self._restate_tracks(run, answers)
        for camera_id, adopted in answers.items():
            for said in self._store.facts(run, camera_id):
                self._publisher.append(restated(adopted, said.output), adopted.position.partition)
            self._publisher.flush()
            reached("after-restated-facts")
        for adopted in answers.values():
            for mark in marks(adopted, with_tracks=with_tracks):
                self._publisher.append(mark, adopted.position.partition)
                self._publisher.flush()
                reached("after-restatement-mark")

    def _digest(self, run: Run, camera_id: str) -> str:
        digests = Digests()
        for said in self._store.facts(run, camera_id):
            digests.add(said)
        return adoption_digest(digests.of(camera_id))

    def _answer(self, run: Run, command: AdoptRun) -> RunAdopted:
        """What the camera says to the command, now or when it was asked before."""
        found = self._said(command, None)
        if found is None:
            appended = self._publisher.command(command)
            reached("after-adoption-command")
            found = self._heard(command, appended)
        if found is None:
            self._store.note(run, f"waiting for {command.camera_id}: are the cameras app and the projector running?")
            raise TransientError("camera", f"{command.camera_id} has not answered within {ANSWERED_WITHIN_S:.0f} s")
        return found

    def _heard(self, command: AdoptRun, appended: Position) -> RunAdopted | None:
        give_up_at = time.monotonic() + ANSWERED_WITHIN_S
        while (found := self._said(command, appended)) is None and time.monotonic() < give_up_at:
            if self._wait(POLL_S):
                raise StoppedError
        return found

    def _said(self, command: AdoptRun, appended: Position | None) -> RunAdopted | None:
        match self._store.answer(command, None if appended is None else seq_of(appended)):
            case CommandRefused() as refused:
                reasons = "; ".join(fault.message for fault in refused.faults)
                raise AdoptionRefusedError(f"{command.camera_id} refused it: {reasons}; start the run again")
            case RecordRefused() as refused:
                raise AdoptionRefusedError(f"{command.camera_id} refused it: {refused.reason}, {refused.detail}")
            case found:
                return found

    def _restate_tracks(self, run: Run, answers: Mapping[str, RunAdopted]) -> None:
        """Track people anew, as the run did; their observations were too many to be kept."""
        assert run.summary is not None, "the run is done"
        span = Span(run.range_from, run.range_to + _LONGEST_TRACK_MS)
        plan = msgspec.structs.replace(run.plan, span=span)
        sink = _TrackSink(self._publisher, answers)
        again = engine.replay(self._source, plan, sink.shared, ends=run.summary.ends, progress=self._watch)
        self._publisher.flush()
        if again.approximate:
            raise AdoptionRefusedError("the log no longer holds what the run has read: start it again")

    def _watch(self, done: int, records: int) -> None:
        del done, records
        if self._wait(0):
            raise StoppedError


class _TrackSink:
    """Publishes the tracks of a run, restated; begun anew whenever it is interrupted."""

    def __init__(self, publisher: Publisher, answers: Mapping[str, RunAdopted]) -> None:
        self._publisher = publisher
        self._answers = answers

    def shared(self, partition: int) -> AbstractContextManager[Sink]:
        """The sink of every partition: they come one after the other."""
        del partition
        return nullcontext(self)

    def begin(self) -> bytes | None:
        """Nothing is kept."""
        return None

    def written(self) -> Iterator[Said]:
        """Nothing is kept."""
        return iter(())

    def write(self, said: Said) -> None:
        """Publish a record of tracks."""
        if isinstance(said.output, TracksObserved | TrackEnded):
            adopted = self._answers.get(said.output.camera_id)
            if adopted and adopted.range_from <= _lies_at(said.output) < adopted.range_to:
                self._publisher.append(restated(adopted, said.output), adopted.position.partition)

    def checkpoint(self, mark: bytes) -> None:
        """Make durable what was published; the mark is of no use to another try."""
        del mark
        self._publisher.flush()


def _lies_at(fact: TracksObserved | TrackEnded) -> int:
    """The event time by which a fact is in a range: that of the frame, or of the track's first observation."""
    return fact.observed_at if isinstance(fact, TracksObserved) else fact.started_at
