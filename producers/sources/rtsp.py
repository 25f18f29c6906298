"""An RTSP camera as a frame source, over TCP with time-outs and typed errors. Reconnection is the reader's affair."""

import socket
from collections.abc import Callable
from typing import Any

import av

from producers.clock import Clock, SessionClock
from producers.frames import Frame
from producers.sources.address import RtspAddress
from producers.sources.pyav import frame_of, reason_of, said
from producers.sources.source import SourceLostError

_OPTIONS = {
    "rtsp_transport": "tcp",
    # Long probing opens seconds late and then hands out a burst of stale frames; this much suffices for H.264.
    "analyzeduration": "100000",
    "fpsprobesize": "0",
}

Resolve = Callable[[str, int | None], object]


class RtspSource:
    """A network camera. Times are of arrival: a monotonic clock with one offset per opening.

    Args:
        address: where the camera is.
        clock: tells now.
        open_timeout_s: for the whole RTSP handshake.
        read_timeout_s: for the next packet; a camera that stays silent longer is lost.
        resolve: looks the host name up, so that an unknown name is told from a camera that is off.
    """

    def __init__(
        self,
        address: RtspAddress,
        clock: Clock,
        *,
        open_timeout_s: float = 3.0,
        read_timeout_s: float = 2.0,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self.live = True
        self.repeats = True
        self._address = address
        self._clock = clock
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._resolve = resolve
        self._container: Any = None

    def open(self) -> None:
        """Connect and begin to play."""
        self._look_up()
        asked_at = self._clock.monotonic()
        try:
            self._container = av.open(
                self._address.url, options=_OPTIONS, timeout=(self._open_timeout_s, self._read_timeout_s)
            )
            self._pictures = self._container.decode(self._container.streams.video[0])
        except IndexError:
            raise SourceLostError("DECODE", f"{self._address} offers no video") from None
        except av.error.FFmpegError as error:
            # Not `from error`: FFmpeg's message repeats the address with its password.
            raise self._lost(error, asked_at, self._open_timeout_s) from None
        self._opened_at = self._clock.monotonic()
        self._session = SessionClock(self._clock.utc_ms())

    def read(self) -> Frame:
        """The next frame; a camera has no orderly end."""
        asked_at = self._clock.monotonic()
        try:
            picture = next(self._pictures)
        except StopIteration:
            raise SourceLostError("END_OF_STREAM", f"{self._address} ended the stream") from None
        except av.error.FFmpegError as error:
            raise self._lost(error, asked_at, self._read_timeout_s) from None  # as above
        now = self._clock.monotonic()
        if now - asked_at >= self._read_timeout_s:
            # At the time-out FFmpeg first hands out the frame its parser held back; it is as old as the silence.
            raise self._silent(self._read_timeout_s)
        return frame_of(picture, self._session.observed_at(now - self._opened_at), "ARRIVAL")

    def close(self) -> None:
        """Hang up."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _look_up(self) -> None:
        try:
            self._resolve(self._address.host, None)
        except OSError as error:
            raise SourceLostError("DNS", f"{self._address}: the host name is unknown ({error.strerror})") from None

    def _lost(self, error: av.error.FFmpegError, asked_at: float, timeout_s: float) -> SourceLostError:
        """What FFmpeg says once a time-out has interrupted it varies; the time that has passed does not."""
        if self._clock.monotonic() - asked_at >= timeout_s:
            return self._silent(timeout_s)
        return SourceLostError(reason_of(error), f"{self._address}: {said(error)}")

    def _silent(self, timeout_s: float) -> SourceLostError:
        return SourceLostError("TIMEOUT", f"{self._address}: silent for {timeout_s:g} s")
