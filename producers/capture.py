"""One camera's capture: reads its source, begins sessions, thins frames, reconnects, and says what state it is in.

It knows no detector and no topic: everything leaves through the camera's mailbox, in order.
"""

import random
from collections.abc import Callable

import structlog

from producers.backoff import Backoff
from producers.clock import Clock
from producers.frames import Frame
from producers.mailbox import Mailboxes
from producers.metrics import LOST, STREAMING
from producers.rate import FrameRate
from producers.session import Captured, Session
from producers.settings import CameraSettings
from producers.sources.source import FrameSource, SourceLostError, SourceUnusableError
from schemas.events import CameraStatusChanged, EdgeStatus

logger = structlog.get_logger(__name__)


class CaptureLoop:
    """Keeps one camera's frames coming until it is stopped or its recording is over.

    Args:
        camera: its settings.
        source: where its frames come from.
        mailboxes: where they go.
        clock: tells now, and waits.
        stopping: whether the edge is to stop.
        backoff: how long to wait between attempts.
        uniform: a random number in 0..1 for each attempt.
    """

    def __init__(
        self,
        camera: CameraSettings,
        source: FrameSource,
        mailboxes: Mailboxes,
        clock: Clock,
        stopping: Callable[[], bool],
        *,
        backoff: Backoff | None = None,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._camera = camera
        self._source = source
        self._mailboxes = mailboxes
        self._clock = clock
        self._stopping = stopping
        self._backoff = backoff or Backoff()
        self._uniform = uniform
        self._failures = 0
        self._session: Session | None = None
        self._told: tuple[EdgeStatus, str] | None = None
        STREAMING.labels(camera.id).set(0)

    def run(self) -> SourceUnusableError | None:
        """Capture until stopped or through; the error, if the source proved unusable."""
        try:
            return self._run()
        finally:
            self._mailboxes.close(self._camera.id)

    def _run(self) -> SourceUnusableError | None:
        while not self._stopping():
            try:
                self._play()
            except SourceLostError as error:
                self._back_off(error)
            except SourceUnusableError as error:
                self._tell("STOPPED", error.reason, str(error))
                return error
            else:
                if not self._source.repeats:
                    break
            finally:
                self._source.close()
        self._tell("STOPPED", "SHUTDOWN" if self._stopping() else "END_OF_STREAM")
        return None

    def _play(self) -> None:
        """One opening of the source, from its first frame to its orderly end."""
        self._session = None
        self._source.open()
        while (frame := self._source.read()) is not None and not self._stopping():
            self._offer(frame)

    def _offer(self, frame: Frame) -> None:
        if self._session is None or self._session.size != frame.size:
            self._begin_session(frame)
        assert self._session is not None
        captured = Captured(self._camera.id, self._session, frame)
        if self._rate.wants(frame.observed_at):
            self._mailboxes.put_frame(captured, wait=not self._source.live)
        else:
            captured.skip("rate")

    def _begin_session(self, frame: Frame) -> None:
        self._session = Session(frame.size)
        self._rate = FrameRate(self._camera.target_fps)
        self._failures = 0
        self._tell("STREAMING", "OPENED")

    def _back_off(self, error: SourceLostError) -> None:
        self._failures += 1
        LOST.labels(self._camera.id, error.reason).inc()
        self._tell("BACKOFF", error.reason, str(error))
        self._clock.sleep(self._backoff.delay_s(self._failures, self._uniform()))

    def _tell(self, status: EdgeStatus, reason: str, detail: str = "") -> None:
        """Say it once per change; a camera that stays away for the same reason is no news."""
        if (status, reason) == self._told:
            return
        self._told = status, reason
        STREAMING.labels(self._camera.id).set(status == "STREAMING")
        logger.info("camera status changed", camera=self._camera.id, status=status, reason=reason, detail=detail)
        self._mailboxes.put_status(
            CameraStatusChanged(
                camera_id=self._camera.id,
                session=self._session.id if self._session else None,
                changed_at=self._clock.utc_ms(),
                status=status,
                reason=reason,
                detail=detail,
            )
        )
