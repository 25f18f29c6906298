"""A camera of this machine as a frame source, through OpenCV."""

from collections.abc import Callable
from typing import Any

import cv2

from producers.clock import Clock, LiveClock
from producers.frames import Frame
from producers.sources.address import WebcamAddress
from producers.sources.source import SourceLostError


class WebcamSource:
    """A webcam. Times are of arrival.

    A driver that hangs cannot be interrupted; whoever minds `read_within_s` has to end the process.

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
        self.open_within_s = 15.0
        self.read_within_s = 3.0
        self._address = address
        self._clock = clock
        self._open_capture = capture
        self._capture: Any = None

    def open(self) -> None:
        """Open the device with as little buffering as it allows."""
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_ERROR
        )  # a missing device would be told twice a second
        self._capture = self._open_capture(self._address.index)
        if not self._capture.isOpened():
            raise SourceLostError("NOT_FOUND", f"{self._address} is not there, or another program uses it")
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._times = LiveClock(self._clock)

    def read(self) -> Frame:
        """The next frame; a webcam has no orderly end."""
        taken, image = self._capture.read()
        if not taken:
            raise SourceLostError("END_OF_STREAM", f"{self._address} gives no more frames; was it unplugged?")
        moment = self._times.moment(None)
        height, width = image.shape[:2]
        return Frame(moment.observed_at, moment.time_source, width, height, lambda: image, run=moment.run)

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
