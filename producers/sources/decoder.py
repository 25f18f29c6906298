"""Decodes a video stream on the graphics hardware that was asked for, or in software where there is none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import av
import structlog

from producers.settings import Hwaccel

logger = structlog.get_logger(__name__)

_DECODERS: Mapping[Hwaccel, Sequence[str]] = {
    "auto": ("cuvid", "qsv"),
    "cuda": ("cuvid",),
    "qsv": ("qsv",),
    "none": (),
}
"""FFmpeg's names for the decoders of NVIDIA and Intel, by setting."""


class Decoder:
    """One opening's decoder.

    Hardware that is missing shows at the latest at the first packet, which the next decoder then gets. Hardware that
    fails later fails the stream.

    Args:
        stream: the PyAV stream to decode.
        hwaccel: what to try before software.
        create: makes an unopened decoder of a name, like `av.CodecContext.create`.
    """

    def __init__(
        self, stream: Any, hwaccel: Hwaccel = "none", *, create: Callable[[str, str], Any] = av.CodecContext.create
    ) -> None:
        self._stream = stream
        self._create = create
        self._untried = [f"{stream.codec_context.name}_{kind}" for kind in _DECODERS[hwaccel]]
        self._context = self._next()
        self._proven = False

    def pictures(self, packet: Any) -> Sequence[Any]:
        """The pictures that are complete with this packet, as `av.VideoFrame`.

        Raises:
            av.error.FFmpegError: the packet cannot be decoded.
        """
        try:
            pictures: Sequence[Any] = self._context.decode(packet)
        except av.error.FFmpegError as error:
            if self._proven or self._context is self._stream.codec_context:
                raise
            self._without(self._context.name, error)
            self._context = self._next()
            return self.pictures(packet)
        self._proven = self._proven or bool(pictures)
        return pictures

    def _next(self) -> Any:
        """The next decoder that opens."""
        while self._untried:
            name = self._untried.pop(0)
            try:
                context = self._create(name, "r")
                context.extradata = self._stream.codec_context.extradata
                context.open()
            except (av.error.FFmpegError, av.codec.codec.UnknownCodecError) as error:
                self._without(name, error)
            else:
                return context
        return self._stream.codec_context

    def _without(self, name: str, error: Exception) -> None:
        logger.warning("decoder not usable, trying the next", decoder=name, why=str(error))
