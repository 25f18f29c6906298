"""The process of one camera's capture. It must not know who started it or who looks."""

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import structlog

from producers import child
from producers.capture import CaptureLoop
from producers.channel import ChannelSink
from producers.clock import SystemClock
from producers.handover import HandoverClosedError
from producers.settings import CameraSettings
from producers.sources.factory import make_source

logger = structlog.get_logger(__name__)

DEADLINE = struct.Struct("=d")
_NEWS_S = 0.5


class Lifeline:
    """Tells the watchdog by when (monotonic seconds, one clock for all processes) it will hear again."""

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._told = float("-inf")

    def alive(self, within_s: float) -> None:
        """See `CaptureSink.alive`; nearly the same deadline again is no news."""
        deadline = time.monotonic() + within_s
        if abs(deadline - self._told) > _NEWS_S:
            self._told = deadline
            self._end.send_bytes(DEADLINE.pack(deadline))


def main(camera: CameraSettings, end: socket.socket, lifeline: Connection, prepare: Callable[[], None]) -> None:
    """Capture until SIGTERM, or until there is nothing more to capture."""
    prepare()
    stop = threading.Event()
    child.settle(stop.set)
    clock = SystemClock(stop)
    sink = ChannelSink(end, Lifeline(lifeline).alive)
    try:
        CaptureLoop(camera, make_source(camera, clock), sink, clock, stop.is_set).run()
    except HandoverClosedError:
        logger.warning("the detector is gone; this capture ends with it", camera=camera.id)
        sys.exit(1)
