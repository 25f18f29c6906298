"""An RTSP camera as a frame source, over TCP with time-outs and typed errors. Reconnection is the reader's affair."""

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import av

from producers.clock import Clock, LiveClock
from producers.frames import Frame
from producers.settings import Hwaccel
from producers.sources.address import RtspAddress
from producers.sources.decoder import Decoder
from producers.sources.pyav import frame_of, reason_of, said
from producers.sources.source import SourceLostError

_OPTIONS = {
    "rtsp_transport": "tcp",
    # Sound and metadata would go on coming, and be waited through, while the pictures have stopped.
    "allowed_media_types": "video",
    # Long probing opens seconds late and then hands out a burst of stale frames; this much suffices for H.264.
    "analyzeduration": "100000",
    "fpsprobesize": "0",
}
_LOOK_UP_S = 30.0  # what a resolver takes at most: 2 attempts of 5 s at 3 name servers
_MARGIN_S = 1.0

Resolve = Callable[[str, int | None], object]


class RtspSource:
    """A network camera. Times are the camera's own where it sends RTCP sender reports, else of arrival.

    Args:
        address: where the camera is.
        clock: tells now.
        hwaccel: hardware to decode on, if it is there.
        open_timeout_s: for the RTSP handshake, and again for the first packets.
        read_timeout_s: a camera that gives no picture for so long is lost. Not below the time a gap in its frames may
            have without ending people's visits.
        first_timeout_s: the same for the first picture, since cameras begin in the middle of a group of pictures.
        resolve: looks the host name up, so that an unknown name is told from a camera that is off.
    """

    def __init__(
        self,
        address: RtspAddress,
        clock: Clock,
        *,
        hwaccel: Hwaccel = "none",
        open_timeout_s: float = 3.0,
        read_timeout_s: float = 2.0,
        first_timeout_s: float = 15.0,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self.live = True
        self.repeats = True
        self.open_within_s = _LOOK_UP_S + 2 * open_timeout_s + _MARGIN_S
        self._address = address
        self._clock = clock
        self._hwaccel = hwaccel
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._first_timeout_s = first_timeout_s
        self._resolve = resolve
        self._container: Any = None

    @property
    def read_within_s(self) -> float:
        """See `FrameSource`."""
        return self._picture_timeout_s + _MARGIN_S

    def open(self) -> None:
        """Connect and begin to play."""
        self._look_up()
        asked_at = self._clock.monotonic()
        try:
            self._container = av.open(
                self._address.url, options=_OPTIONS, timeout=(self._open_timeout_s, self._read_timeout_s)
            )
            stream = self._container.streams.video[0]
        except IndexError:
            raise SourceLostError("DECODE", f"{self._address} offers no video") from None
        except av.error.FFmpegError as error:
            # Not `from error`: FFmpeg's message repeats the address with its password.
            raise self._lost(error, asked_at, self._open_timeout_s) from None
        self._times = LiveClock(self._clock)
        self._pictures = self._play(stream, Decoder(stream, self._hwaccel))
        self._damaged = 0
        self._picture_timeout_s = self._first_timeout_s

    def read(self) -> Frame:
        """The next frame; a camera has no orderly end."""
        begun_at = asked_at = self._clock.monotonic()
        try:
            for picture in self._pictures:
                now = self._clock.monotonic()
                if now - asked_at >= self._read_timeout_s:
                    # At the time-out FFmpeg first hands out the frame its parser held back, as old as the silence.
                    raise self._silent(self._read_timeout_s)
                if picture is not None:
                    return self._frame(picture)
                if now - begun_at >= self._picture_timeout_s:
                    raise SourceLostError("DECODE", f"{self._address} sends nothing that can be decoded")
                asked_at = now
        except av.error.FFmpegError as error:
            raise self._lost(error, asked_at, self._read_timeout_s) from None  # as above
        raise SourceLostError("END_OF_STREAM", f"{self._address} ended the stream")

    def close(self) -> None:
        """Hang up."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _play(self, stream: Any, decoder: Decoder) -> Iterator[Any]:
        """The pictures as they come, and None for a packet that completes none."""
        for packet in self._container.demux(stream):
            self._heed_clock(packet)
            try:
                pictures = decoder.pictures(packet)
            except av.error.InvalidDataError:
                self._damaged += 1
                pictures = ()
            yield from pictures or (None,)

    def _heed_clock(self, packet: Any) -> None:
        """FFmpeg attaches the camera's wall clock, in µs, to every packet once a sender report has come."""
        if packet.has_sidedata("prft") and packet.pts is not None:
            (utc_us,) = struct.unpack_from("<q", bytes(packet.get_sidedata("prft")))
            self._times.camera_said(utc_us / 1000, float(packet.pts * packet.time_base))

    def _frame(self, picture: Any) -> Frame:
        self._picture_timeout_s = self._read_timeout_s
        damaged, self._damaged = self._damaged, 0
        return frame_of(picture, self._times.moment(picture.time), damaged=damaged)

    def _look_up(self) -> None:
        try:
            self._resolve(self._address.host, None)
        except (OSError, UnicodeError):  # the latter of names that can be none, such as "a..b"
            raise SourceLostError("DNS", f"{self._address}: the host name is unknown") from None

    def _lost(self, error: av.error.FFmpegError, asked_at: float, timeout_s: float) -> SourceLostError:
        """What FFmpeg says once a time-out has interrupted it varies; the time that has passed does not."""
        if self._clock.monotonic() - asked_at >= timeout_s:
            return self._silent(timeout_s)
        return SourceLostError(reason_of(error), f"{self._address}: {said(error)}")

    def _silent(self, timeout_s: float) -> SourceLostError:
        return SourceLostError("TIMEOUT", f"{self._address}: silent for {timeout_s:g} s")
