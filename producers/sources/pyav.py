"""What the PyAV sources share: FFmpeg's errors as our own, and its frames as ours."""

from typing import Any

import av

from detectors.detector import Image
from producers.clock import Moment
from producers.frames import Frame, Grey
from producers.sources.source import LossReason

_REASONS: tuple[tuple[type[BaseException], LossReason], ...] = (
    (av.error.EOFError, "END_OF_STREAM"),
    (av.error.ConnectionRefusedError, "REFUSED"),
    (av.error.TimeoutError, "TIMEOUT"),
    (av.error.HTTPUnauthorizedError, "AUTHENTICATION"),
    (av.error.HTTPForbiddenError, "AUTHENTICATION"),
    (av.error.HTTPNotFoundError, "NOT_FOUND"),
    (av.error.FileNotFoundError, "NOT_FOUND"),
    (av.error.InvalidDataError, "DECODE"),
)


def reason_of(error: av.error.FFmpegError) -> LossReason:
    """The typed reason behind an error of FFmpeg."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "OTHER")


def said(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words without the address, which `str(error)` would repeat, password and all."""
    return str(error.strerror).lower()


def frame_of(picture: Any, moment: Moment, *, damaged: int = 0) -> Frame:
    """A decoded `av.VideoFrame` as a frame; it is converted only when somebody looks."""

    def image() -> Image:
        array: Image = picture.to_ndarray(format="bgr24")
        return array

    def grey() -> Grey:
        array: Grey = picture.to_ndarray(format="gray")
        return array

    return Frame(
        moment.observed_at, moment.time_source, picture.width, picture.height, image, grey, moment.run, damaged
    )
