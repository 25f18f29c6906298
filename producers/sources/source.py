"""The port every frame source implements, and what can go wrong with one. No reconnection happens here."""

from typing import Literal, Protocol, TypeAlias

from producers.frames import Frame

LossReason: TypeAlias = Literal[
    "END_OF_STREAM", "REFUSED", "TIMEOUT", "NOT_FOUND", "AUTHENTICATION", "DNS", "DECODE", "OTHER"
]
"""Why a camera is lost, in the words of `CameraStatusChanged.reason`."""


class SourceError(Exception):
    """A source gives no frames; the message never holds credentials.

    - `SourceLostError`: try again after a while.
    - `SourceUnusableError`: trying again cannot help; somebody has to mend the configuration or the file.
    """

    def __init__(self, reason: LossReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SourceLostError(SourceError):
    """The source is away for now."""


class SourceUnusableError(SourceError):
    """The source will never give a frame as it is."""


class FrameSource(Protocol):
    """A stream of frames that can be opened again and again; each opening has one clock.

    `open` and `read` raise `SourceError`.
    """

    live: bool
    """Frames come in their own time; those not taken at once are stale. Else the source waits for its reader."""
    repeats: bool
    """After an orderly end the source is to be opened again."""

    @property
    def open_within_s(self) -> float:
        """Seconds after which `open` is over, or hangs."""
        ...

    @property
    def read_within_s(self) -> float:
        """Seconds after which the next `read` is over, or hangs."""
        ...

    def open(self) -> None:
        """Begin a new stream."""
        ...

    def read(self) -> Frame | None:
        """The next frame, with `observed_at` strictly increasing since `open`; None at an orderly end."""
        ...

    def close(self) -> None:
        """Let go of the stream; harmless when none is open."""
        ...
