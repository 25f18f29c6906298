"""A recording as a frame source: paced by its own timestamps, or as fast as its reader goes."""

import math
from pathlib import Path
from typing import Any

import av

from producers.clock import Clock, Moment, SessionClock
from producers.frames import Frame
from producers.sources.pyav import frame_of, reason_of, said
from producers.sources.source import SourceUnusableError

_USUAL_INTERVAL_S = 0.04


class FileSource:
    """Plays a video file; each opening plays it from the start.

    Paced, the first frame is taken to be seen at `open`, and each frame waits for its moment. As fast as possible, the
    recording is taken to end at `open`. Either way no frame lies in the future.

    Args:
        path: the video.
        clock: tells now, and waits.
        realtime: pace by the file's timestamps.
        loop: begin again at the end.
    """

    def __init__(self, path: Path, clock: Clock, *, realtime: bool = True, loop: bool = False) -> None:
        self.live = realtime
        self.repeats = loop
        self.open_within_s = self.read_within_s = math.inf  # a slow disk is no camera that hangs
        self._path = path
        self._clock = clock
        self._container: Any = None

    def open(self) -> None:
        """Open the file and anchor its time."""
        try:
            self._container = av.open(str(self._path))
            stream = self._container.streams.video[0]
        except IndexError:
            raise SourceUnusableError("DECODE", f"{self._path} holds no video") from None
        except av.error.FFmpegError as error:
            raise self._unusable(error) from error
        self._pictures = self._container.decode(stream)
        self._interval_s = float(1 / stream.average_rate) if stream.average_rate else _USUAL_INTERVAL_S
        self._played = 0
        self._first_s: float | None = None
        self._elapsed_s = -self._interval_s
        self._opened_at = self._clock.monotonic()
        self._session = SessionClock(self._clock.utc_ms() - (0 if self.live else self._duration_ms()))

    def read(self) -> Frame | None:
        """The next frame, when it is due; None after the last one's time is over."""
        try:
            picture = next(self._pictures, None)
        except av.error.FFmpegError as error:
            raise self._unusable(error) from error
        if picture is None and not self._played:
            raise SourceUnusableError("DECODE", f"{self._path} holds no frame that can be decoded")
        self._played += 1
        self._elapsed_s = self._moment_of(picture)
        if self.live:
            self._clock.sleep(max(0.0, self._opened_at + self._elapsed_s - self._clock.monotonic()))
        if picture is None:
            return None
        return frame_of(picture, Moment(self._session.observed_at(self._elapsed_s), "FILE"))

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _moment_of(self, picture: Any) -> float:
        """Seconds since the first frame; the end, and a frame without a timestamp, come one interval after the last."""
        if picture is None or picture.time is None:
            return self._elapsed_s + self._interval_s
        if self._first_s is None:
            self._first_s = picture.time
        return float(picture.time - self._first_s)

    def _duration_ms(self) -> int:
        if self._container.duration is None:
            raise SourceUnusableError(
                "DECODE", f"{self._path} does not say how long it is; play it with realtime: true, or remux it to .mp4"
            )
        return int(self._container.duration * 1000 // av.time_base)

    def _unusable(self, error: av.error.FFmpegError) -> SourceUnusableError:
        return SourceUnusableError(reason_of(error), f"cannot read video file {self._path}: {said(error)}")
