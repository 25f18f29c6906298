"""One camera's capture: reads its source, begins sessions, thins frames, reconnects, and says what state it is in.

It knows no detector and no topic, and sets no metric: everything leaves through the camera's sink, in order.
"""

import random
from collections.abc import Callable

import structlog

from producers.backoff import delay_s
from producers.clock import Clock
from producers.connection import Connection, after_end, after_frame, after_loss
from producers.frames import Frame
from producers.handover import CaptureSink
from producers.masks import masked
from producers.selection import Selection
from producers.session import Session
from producers.settings import CameraSettings
from producers.sources.source import FrameSource, SourceLostError, SourceUnusableError
from schemas.events import CameraStatusChanged

logger = structlog.get_logger(__name__)

_NAP_S = 1.0


class CaptureLoop:
    """Keeps one camera's frames coming until it is stopped or its recording is over.

    Args:
        camera: its settings.
        source: where its frames come from.
        sink: where they go.
        clock: tells now, and waits.
        stopping: whether the capture is to stop.
        uniform: a random number in 0..1 for each attempt.
    """

    def __init__(
        self,
        camera: CameraSettings,
        source: FrameSource,
        sink: CaptureSink,
        clock: Clock,
        stopping: Callable[[], bool],
        *,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._camera = camera
        self._source = source
        self._sink = sink
        self._clock = clock
        self._stopping = stopping
        self._uniform = uniform
        self._connection = Connection()
        self._session: Session | None = None
        self._newest = float("-inf")

    def run(self) -> SourceUnusableError | None:
        """Capture until stopped or through; the error, if the source proved unusable.

        Raises:
            HandoverClosedError: nobody takes frames any more.
        """
        self._tell()
        error = self._play_again_and_again()
        self._become(after_end(error, stopping=self._stopping()))
        return error

    def _play_again_and_again(self) -> SourceUnusableError | None:
        while not self._stopping():
            try:
                self._play()
            except SourceLostError as error:
                self._back_off(error)
            except SourceUnusableError as error:
                return error
            else:
                if not self._source.repeats:
                    break
        return None

    def _play(self) -> None:
        """One opening of the source, from its first frame to its orderly end."""
        self._session = None
        self._sink.alive(self._source.open_within_s)
        try:
            self._source.open()
            while not self._stopping() and (frame := self._next_frame()) is not None:
                self._offer(frame)
        finally:
            self._source.close()

    def _next_frame(self) -> Frame | None:
        self._sink.alive(self._source.read_within_s)
        frame = self._source.read()
        return frame and masked(frame, self._camera.masks)

    def _offer(self, frame: Frame) -> None:
        session = self._session_of(frame)
        if frame.damaged:
            session.skip("damaged", frame.damaged)
        match self._selection.choice(frame, self._sink.guidance()):
            case "look" | "watched" as choice:
                captured = session.captured(self._camera.id, frame, gated=choice == "watched")
                self._newest = frame.observed_at
                self._sink.put_frame(captured, wait=not self._source.live)
            case reason:
                session.skip(reason)

    def _session_of(self, frame: Frame) -> Session:
        """The running session, or a new one if the frame has another size or another clock."""
        before = self._session
        if before is not None and (before.size, before.run) == (frame.size, frame.run):
            return before
        self._session = Session(frame.size, frame.run)
        live, fps = self._source.live, self._camera.target_fps
        self._selection = Selection(fps, gated=self._camera.motion_gate, after=self._newest) if live else Selection(fps)
        logger.info("session begins", camera=self._camera.id, session=self._session.id, time_source=frame.time_source)
        resized = before is not None and before.size != frame.size
        self._become(after_frame(self._connection, resized=resized))
        return self._session

    def _back_off(self, error: SourceLostError) -> None:
        self._become(after_loss(self._connection, error))
        until = self._clock.monotonic() + delay_s(error.reason, self._connection.failures, self._uniform())
        while not self._stopping() and (left := until - self._clock.monotonic()) > 0:
            self._sink.alive(2 * _NAP_S)
            self._clock.sleep(min(left, _NAP_S))

    def _become(self, now: Connection) -> None:
        before, self._connection = self._connection, now
        if now.is_news_after(before):
            self._tell()

    def _tell(self) -> None:
        now = self._connection
        logger.info(
            "camera status changed", camera=self._camera.id, status=now.status, reason=now.reason, detail=now.detail
        )
        self._sink.put_status(
            CameraStatusChanged(
                camera_id=self._camera.id,
                session=self._session.id if self._session else None,
                changed_at=self._clock.utc_ms(),
                status=now.status,
                reason=now.reason,
                detail=now.detail,
            )
        )
