"""The seam between capturing and looking: what a capture hands on, and what it is told in return.

A capture runs in a thread or in a process of its own, and knows neither which nor who looks. It sets no metric, since
in another process nobody would read it: the edge counts from what arrives here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from detectors.detector import Detections, Image
from producers.frames import Frame
from schemas.events import CameraStatusChanged

SkipReason: TypeAlias = Literal["damaged", "overlap", "rate", "load", "shed", "gate", "stale"]
"""Why a frame that was read is not in the log: `damaged`, it could not be decoded; `overlap`, the session before has just
reached that moment by another clock; `rate`, above the camera's target; `load`, above what the edge can look at now;
`shed`, the camera's turn to rest; `gate`, nothing moves; `stale`, a newer one came before anybody looked. A capture
counts all but the stale ones, which the edge counts."""


class HandoverClosedError(Exception):
    """Nobody takes frames any more: let it end the capture."""


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame on its way to the detector.

    Attributes:
        camera_id: whose it is.
        session: the session's id.
        number: 0, 1, 2, ...: how many frames of the session were handed on before, those that went stale included.
        frame: picture and moment. Its `image` is called by whoever looks, and not at all for a gated frame.
        gated: the motion gate watched it and saw nothing; nobody looks at it.
        skipped: frames of the session read but not handed on so far, by reason.
    """

    camera_id: str
    session: str
    number: int
    frame: Frame
    gated: bool
    skipped: Mapping[SkipReason, int]


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the looking side tells a capture.

    Attributes:
        fps: so many frames a second can be looked at now, whatever the camera's target; 0: the camera rests (`shed`).
        looked_at: `observed_at` of the newest frame that was looked at; None: none yet.
        seen_at: `observed_at` of the newest frame in which somebody was seen; None: none yet.
    """

    fps: float = float("inf")
    looked_at: int | None = None
    seen_at: int | None = None


class CaptureSink(Protocol):
    """Where one camera's capture puts what it reads, in its order. For one thread; whoever made it closes it."""

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        """Hand on a frame, in place of one nobody has looked at yet; with `wait`, once that one is taken.

        Raises:
            HandoverClosedError: nobody takes frames any more.
        """
        ...

    def put_status(self, status: CameraStatusChanged) -> None:
        """Hand on a status change; it is never replaced and keeps its place among the frames.

        Raises:
            HandoverClosedError: as above.
        """
        ...

    def alive(self, within_s: float) -> None:
        """Say before anything that may block that the next sign of life comes within so many seconds.

        A capture process that breaks its word is taken for hung and killed.
        """
        ...

    def guidance(self) -> Guidance:
        """What the capture was told last; cheap enough for every frame."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame that was looked at, with what was found in it; masked like all that leaves a capture."""

    observed_at: int
    image: Image
    found: Detections


class Viewer(Protocol):
    """The newest pictures of the cameras, kept only while somebody looks. For any thread."""

    def look(self, camera_id: str, for_s: float) -> View | None:
        """Keep this camera's pictures for so long from now; the newest one, None until the first has come.

        Raises:
            KeyError: no such camera.
        """
        ...
