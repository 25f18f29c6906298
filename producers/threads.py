"""Captures and detector in threads of this process: for small sites and for tests. A fault in one ends the edge."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias

from detectors.appearance import Embedder
from detectors.detector import Detector
from producers.capture import CaptureLoop
from producers.clock import Clock, SystemClock
from producers.handover import HandoverClosedError
from producers.inference import Inference
from producers.mailbox import Mailboxes, MailboxSink
from producers.results import AnyResult
from producers.settings import CameraSettings
from producers.sources.factory import make_source
from producers.sources.source import FrameSource
from producers.views import Watching

MakeSource: TypeAlias = Callable[[CameraSettings, Clock], FrameSource]

_MANY = 1_000


class ThreadWorker:
    """A worker that is a thread: it can be asked to end, but not be killed."""

    ready = True

    def __init__(self, running: Future[None], stop: Callable[[], None]) -> None:
        self._running = running
        self.stop = stop
        self.kill = stop

    def ended(self) -> str | None:
        """See `Worker`; a fault is raised, since no thread can be trusted after it."""
        if not self._running.done():
            return None
        self._running.result()
        return ""

    def overdue(self, now: float) -> bool:  # noqa: ARG002 - nobody could end it
        """Never."""
        return False


class ThreadHouse:
    """Runs workers in threads.

    Args:
        detector: the one for all cameras.
        record: takes the results.
        embedder: describes the people found, if that is wanted.
        make_source: the source of a camera.
    """

    def __init__(
        self,
        detector: Detector,
        record: Callable[[AnyResult], None],
        *,
        embedder: Embedder | None = None,
        make_source: MakeSource = make_source,
    ) -> None:
        self._make_source = make_source
        self._mailboxes = Mailboxes()
        clock = SystemClock(threading.Event())
        self._watching = Watching(clock)
        self.watch = self._watching.watch
        self._inference = Inference(
            detector, self._mailboxes, clock, record, watched=self._watching.watched, embedder=embedder
        )
        self._stops: list[threading.Event] = []
        self._pool = ThreadPoolExecutor(_MANY, thread_name_prefix="edge")

    def start_detection(self) -> ThreadWorker:
        """See `House`."""
        return ThreadWorker(self._pool.submit(self._inference.run), self._mailboxes.finish)

    def start_capture(self, camera: CameraSettings) -> ThreadWorker:
        """See `House`."""
        stop = threading.Event()
        self._stops.append(stop)
        clock = SystemClock(stop)
        sink = MailboxSink(self._mailboxes, camera.id)
        loop = CaptureLoop(camera, self._make_source(camera, clock), sink, clock, stop.is_set)
        return ThreadWorker(self._pool.submit(_capture, loop, sink), stop.set)

    def close(self) -> None:
        """End what still runs."""
        for stop in self._stops:
            stop.set()
        self._mailboxes.abandon()
        self._pool.shutdown()


def _capture(loop: CaptureLoop, sink: MailboxSink) -> None:
    try:
        with suppress(HandoverClosedError):
            loop.run()
    finally:
        sink.close()
