"""Runs an edge: a capture thread per camera, one detector for all, one log. Settings, log and stop come from outside."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias

import structlog

from detectors.detector import Detector
from detectors.factory import load_detector
from producers.capture import CaptureLoop
from producers.clock import Clock, SystemClock
from producers.inference import Inference
from producers.mailbox import Mailboxes
from producers.metrics import RECORDS
from producers.publisher import CameraLog
from producers.settings import CameraSettings, EdgeSettings
from producers.sources.factory import make_source
from producers.sources.source import FrameSource, SourceUnusableError

logger = structlog.get_logger(__name__)

MakeSource: TypeAlias = Callable[[CameraSettings, Clock], FrameSource]
Capture: TypeAlias = Future[SourceUnusableError | None]

_FLUSH_S = 10.0


class CamerasFailedError(Exception):
    """Cameras whose source is unusable; each is named with its reason. The others ran to their end."""


def run_edge(
    settings: EdgeSettings,
    log: CameraLog,
    stop: threading.Event,
    *,
    detector: Detector | None = None,
    make_source: MakeSource = make_source,
) -> None:
    """Run all cameras until `stop` is set, or until every recording is over; then write the rest and flush.

    The caller closes the log, and turns SIGTERM and SIGINT into `stop`: only then the last records are written.

    Raises:
        DetectorError: the model cannot be used; no camera was opened.
        CamerasFailedError: at least one source proved unusable. Raised at the end; the log says so at once.
    """
    detector = detector or load_detector(settings.model, intra_op_threads=settings.intra_op_threads)
    clock = SystemClock(stop)
    mailboxes = Mailboxes([camera.id for camera in settings.cameras])
    loops = [
        CaptureLoop(camera, make_source(camera, clock), mailboxes, clock, stop.is_set) for camera in settings.cameras
    ]
    logger.info("edge starts", site=settings.site, cameras=len(loops), model=detector.name)
    with _captures(loops, mailboxes, stop) as captures:
        Inference(detector, log, mailboxes, clock, stop.is_set).run()
    _flush(log)
    _raise_failures(settings.cameras, [capture.result() for capture in captures])


@contextmanager
def _captures(loops: Sequence[CaptureLoop], mailboxes: Mailboxes, stop: threading.Event) -> Iterator[list[Capture]]:
    """The running captures; a fault in one, or in the reader of the mailboxes, stops them all."""

    def stop_on_fault(capture: Capture) -> None:
        if capture.exception() is not None:
            stop.set()

    with ThreadPoolExecutor(max_workers=max(1, len(loops)), thread_name_prefix="capture") as pool:
        captures = [pool.submit(loop.run) for loop in loops]
        for capture in captures:
            capture.add_done_callback(stop_on_fault)
        try:
            yield captures
        except BaseException:
            stop.set()
            mailboxes.abandon()
            raise


def _flush(log: CameraLog) -> None:
    undelivered = log.flush(_FLUSH_S)
    if undelivered:
        RECORDS.labels("lost").inc(undelivered)
        logger.error("records lost: the broker did not take them before the end", records=undelivered)


def _raise_failures(cameras: Sequence[CameraSettings], errors: Sequence[SourceUnusableError | None]) -> None:
    failed = [f"{camera.id}: {error}" for camera, error in zip(cameras, errors, strict=True) if error is not None]
    if failed:
        raise CamerasFailedError("; ".join(failed))
