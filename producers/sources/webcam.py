"""A camera of this machine as a frame source, through OpenCV."""

from collections.abc import Callable
from typing import Any

import cv2

from producers.clock import Clock, SessionClock
from producers.frames import Frame
from producers.sources.address import WebcamAddress
from producers.sources.source import SourceLostError


class WebcamSource:
    """A webcam. Times are of arrival: a monotonic clock with one offset per opening.

    Args:
        address: which webcam.
        clock: tells now.
        capture: makes an object like `cv2.VideoCapture` from the index.
    """

    def __init__(
        self, address: WebcamAddress, clock: Clock, *, capture: Callable[[int], Any] = cv2.VideoCapture
    ) -> None:
        self.live = True
        self.repeats = True
        self._address = address
        self._clock = clock
        self._open_capture = capture
        self._capture: Any = None

    def open(self) -> None:
        """Open the device with as little buffering as it allows."""
        self._capture = self._open_capture(self._address.index)
        if not self._capture.isOpened():
            raise SourceLostError("NOT_FOUND", f"{self._address} is not there, or another program uses it")
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._opened_at = self._clock.monotonic()
        self._session = SessionClock(self._clock.utc_ms())

    def read(self) -> Frame:
        """The next frame; a webcam has no orderly end."""
        taken, image = self._capture.read()
        if not taken:
            raise SourceLostError("END_OF_STREAM", f"{self._address} gives no more frames; was it unplugged?")
        observed_at = self._session.observed_at(self._clock.monotonic() - self._opened_at)
        height, width = image.shape[:2]
        return Frame(observed_at, "ARRIVAL", width, height, lambda: image)

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
