"""The replays app: does what rows of `replay_runs` ask for, one at a time. How each thing is done is in `stream_processors.runs`.

Any number of workers share the rows. It consumes no topic of its own, so it needs no Faust.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import structlog

from schemas.signing import Signer
from schemas.wire import Wire
from stream_processors.projections.errors import TransientError
from stream_processors.projections.projector import delays
from stream_processors.replay import engine
from stream_processors.replay.errors import BrokerError, InterruptedReplayError, NoDataError, ReplayError
from stream_processors.replay.shapes import check
from stream_processors.replay.summary import Summary
from stream_processors.runs.adoption import Adoption, StoppedError
from stream_processors.runs.publishing import Publisher
from stream_processors.runs.run import AbandonedError, AdoptionRefusedError, Run
from stream_processors.runs.sink import Attempt, RunSinks
from stream_processors.runs.store import RunStore
from stream_processors.runs.summary import seen
from stream_processors.runtime import metrics
from stream_processors.runtime.fail_points import reached

LOOK_EVERY_S = 1.0
TELL_EVERY_S = 1.0

# What is no fault of the run: it is done again, or somebody else does it.
_AGAIN = (TransientError, ConnectionError, AbandonedError, StoppedError)

log = structlog.get_logger(__name__)


class Replays:
    """One worker.

    Args:
        database_url: of the installation's database.
        source: the camera log and what was made of it.
        publisher: makes what appends what an adoption has to say; each has its own, since a producer can break for good.
        stopping: set when the worker is to end.
        jobs: how many partitions are replayed at the same time.
    """

    def __init__(
        self,
        database_url: str,
        source: engine.Log,
        publisher: Callable[[], Publisher],
        stopping: threading.Event,
        *,
        jobs: int,
    ) -> None:
        self._database_url = database_url
        self._store = RunStore(database_url)
        self._source = source
        self._publisher = publisher
        self._stopping = stopping
        self._jobs = jobs

    def work(self) -> bool:
        """Do what the run that waits longest asks for; False when none asks for anything.

        Raises:
            TransientError, ConnectionError: something is away; what was begun is begun anew the next time.
            StoppedError: the worker ends.
        """
        run = self._store.take()
        if run is None:
            return False
        try:
            self._do(run)
        except AbandonedError as gone:
            _count(run, "abandoned", str(gone))
        finally:
            self._store.release(run)
        return True

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _do(self, run: Run) -> None:
        match run.state:
            case "REQUESTED" | "RUNNING":
                self._replay(run)
            case "ADOPT_REQUESTED":
                self._adopt(run)
            case "DROP_REQUESTED":
                self._store.drop(run)
                _count(run, "dropped")

    def _replay(self, run: Run) -> None:
        attempt = self._store.begin(run)
        try:
            summary, ends = self._results(run, attempt)
        except (BrokerError, InterruptedReplayError) as error:
            self._store.progress(attempt, 0.0, f"it is begun again: {error}")
            raise TransientError("kafka", str(error)) from error
        except ReplayError as error:
            self._store.failed(attempt, str(error))
            _count(run, "failed", str(error))
        except _AGAIN:
            raise
        except Exception as error:
            log.exception("a replay run broke", run_id=run.run_id)
            self._store.failed(attempt, _broke(error))
            _count(run, "broke", str(error))
        else:
            reached("after-run-results")
            self._store.done(attempt, run, summary, ends)
            _count(run, "done")

    def _results(self, run: Run, attempt: Attempt) -> tuple[Summary, dict[int, int]]:
        """Replay into the run's tables; what it came to, and the offsets at which it ended."""
        check(run.zones)
        ends = engine.ends(self._source)
        sinks, tell = RunSinks(self._database_url, attempt), self._progress(attempt)
        summary = engine.replay(self._source, run.plan, sinks, ends=ends, jobs=self._jobs, progress=tell)
        if not seen(summary, run.range_from, run.range_to):
            raise NoDataError(f"no data in {run.plan.span}: no camera was watched then; choose another range")
        return summary, ends

    def _adopt(self, run: Run) -> None:
        try:
            with closing(self._publisher()) as publisher:
                Adoption(self._store, publisher, self._source, self._stopping.wait).adopt(run)
        except (AdoptionRefusedError, ReplayError) as error:
            self._store.move(run, "DONE", f"not adopted: {error}")
            _count(run, "not_adopted", str(error))
        except _AGAIN:
            raise
        except Exception as error:
            log.exception("an adoption broke", run_id=run.run_id)
            self._store.move(run, "DONE", _broke(error))
            _count(run, "broke", str(error))
        else:
            self._store.move(run, "ADOPTED")
            _count(run, "adopted")

    def _progress(self, attempt: Attempt) -> Callable[[int, int], None]:
        """Tells the row how far the run is, not too often; ends the replay when nobody wants it any more."""
        told_at = 0.0

        def tell(done: int, records: int) -> None:
            nonlocal told_at
            if self._stopping.is_set():
                raise StoppedError
            if time.monotonic() - told_at >= TELL_EVERY_S:
                told_at = time.monotonic()
                self._store.progress(attempt, min(1.0, done / max(records, 1)))

        return tell


def run_replays(source: engine.Log, wire: Wire, signer: Signer, database_url: str, stopping: threading.Event) -> None:
    """Work until `stopping`; waits by itself for what is away."""
    publisher = partial(Publisher, source.kafka, wire, signer)
    with closing(Replays(database_url, source, publisher, stopping, jobs=os.cpu_count() or 1)) as replays:
        work(replays, stopping)


def work(replays: Replays, stopping: threading.Event) -> None:
    """Do run after run until `stopping`."""
    pauses = delays()
    while not stopping.is_set():
        try:
            if not replays.work():
                stopping.wait(LOOK_EVERY_S)
            pauses = delays()
        except StoppedError:
            return
        except (TransientError, ConnectionError) as error:
            pause = next(pauses)
            metrics.WAITING.labels(service="replays").inc()
            log.warning("cannot replay now; trying again", reason=str(error), wait_s=round(pause, 1))
            stopping.wait(pause)


def _count(run: Run, outcome: str, reason: str = "") -> None:
    metrics.REPLAY_RUNS.labels(outcome=outcome).inc()
    log.info("replay run", run_id=run.run_id, outcome=outcome, reason=reason)


def _broke(error: Exception) -> str:
    return f"a fault of Aforo's own, see the log of the replays process: {type(error).__name__}: {error}"
