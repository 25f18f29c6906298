"""From captured frames to records of the log: one detector, fair among cameras, one frame at a time.

It knows no source and no broker. While the log takes nothing it waits, and frames go stale in the mailboxes.
"""

from collections.abc import Callable, Mapping

import numpy as np
import structlog

from detectors.detector import Detections, Detector, Float32
from detectors.scores import ScoreContract
from producers.clock import Clock
from producers.mailbox import Mailboxes
from producers.metrics import BLOCKED, DETECTOR_SECONDS, FRAME_AGE_SECONDS, FRAMES, RECORDS
from producers.publisher import CameraLog, LogEntry, LogUnavailableError
from producers.session import Captured
from schemas.events import FrameObserved

logger = structlog.get_logger(__name__)

_RETRY_S = 0.1


class Inference:
    """Looks at what the cameras captured and writes it down.

    Args:
        detector: finds the people.
        log: takes the records.
        mailboxes: where frames and status changes come from.
        clock: measures the detector, and waits.
        stopping: whether the edge is to stop; then a log that takes nothing is not waited for.
    """

    def __init__(
        self,
        detector: Detector,
        log: CameraLog,
        mailboxes: Mailboxes,
        clock: Clock,
        stopping: Callable[[], bool],
    ) -> None:
        self._detector = detector
        self._log = log
        self._mailboxes = mailboxes
        self._clock = clock
        self._stopping = stopping
        self._blocked = False

    def run(self) -> None:
        """Work until every camera is closed and all it captured is written."""
        while (item := self._mailboxes.take()) is not None:
            if isinstance(item, Captured):
                self._observe(item)
            else:
                self._append(item)

    def _observe(self, captured: Captured) -> None:
        image = captured.frame.image()
        started = self._clock.monotonic()
        (found,) = self._detector.detect([image])
        detector_s = self._clock.monotonic() - started
        DETECTOR_SECONDS.observe(detector_s)
        record = frame_observed(captured, found, self._detector.name, self._detector.scores)
        if self._append(record, {"detector-ms": f"{detector_s * 1000:.3f}"}):
            captured.session.published += 1
            FRAMES.labels(captured.camera_id).inc()
            age_s = (self._clock.utc_ms() - captured.frame.observed_at) / 1000
            FRAME_AGE_SECONDS.labels(captured.camera_id).observe(age_s)

    def _append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> bool:
        """Whether the log took it; waits until it does, unless the edge is stopping."""
        while not self._taken(entry, headers or {}):
            if self._stopping():
                RECORDS.labels("lost").inc()
                logger.error("record lost: the log took nothing until the end", camera=entry.camera_id)
                return False
            self._clock.sleep(_RETRY_S)
        return True

    def _taken(self, entry: LogEntry, headers: Mapping[str, str]) -> bool:
        try:
            self._log.append(entry, headers)
        except LogUnavailableError as error:
            self._note(str(error))
            return False
        self._note("")
        return True

    def _note(self, obstacle: str) -> None:
        """Say once that the log is blocked, and once that it is free again."""
        if bool(obstacle) == self._blocked:
            return
        self._blocked = bool(obstacle)
        BLOCKED.set(self._blocked)
        if obstacle:
            logger.warning("waiting for the log; frames go stale", why=obstacle)
        else:
            logger.info("the log takes records again")


def frame_observed(captured: Captured, found: Detections, model: str, scores: ScoreContract) -> FrameObserved:
    """The record of one frame, numbered as the session's next."""
    session, frame = captured.session, captured.frame
    return FrameObserved(
        camera_id=captured.camera_id,
        session=session.id,
        seq=session.published,
        observed_at=frame.observed_at,
        time_source=frame.time_source,
        width=frame.width,
        height=frame.height,
        model=model,
        score_floor=scores.floor,
        score_high=scores.high,
        score_birth=scores.birth,
        low_only_ms=scores.low_only_ms,
        boxes=_packed(found.boxes),
        scores=_packed(found.scores),
        skipped=dict(session.skipped),
    )


def _packed(values: Float32) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()
