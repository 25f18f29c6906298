"""Between capture and inference: the latest frame of each camera, its status changes in order, and turns for all."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from producers.handover import Captured, CaptureSink, Guidance, HandoverClosedError
from producers.results import CaptureEnded
from schemas.events import CameraStatusChanged


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """A frame that waits to be looked at.

    Attributes:
        captured: the frame.
        replaceable: a newer one may take its place.
        release: called once when nobody needs the picture any more.
    """

    captured: Captured
    replaceable: bool
    release: Callable[[], None] = lambda: None


Item: TypeAlias = Offered | CameraStatusChanged | CaptureEnded


class Mailboxes:
    """One short queue per camera, filled by its capture and emptied by one reader.

    A frame takes the place of an older one that still waits at the end of the queue; a status change is never replaced
    and keeps its place among the frames, since it says what became of the people in them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending: dict[str, deque[Item]] = {}  # the camera whose turn comes next is first
        self._guides: dict[str, Callable[[Guidance], None]] = {}
        self._finishing = False
        self.abandoned = False
        """Something went wrong; see `abandon`."""

    def open(self, camera_id: str, guide: Callable[[Guidance], None]) -> None:
        """A capture of this camera begins; the one before has ended. `guide` is told what to tell the capture."""
        with self._changed:
            self._pending.setdefault(camera_id, deque())
            self._guides[camera_id] = guide

    def put(self, camera_id: str, item: Item) -> None:
        """Hand on a frame or a status change."""
        with self._changed:
            pending = self._pending[camera_id]
            if (
                pending
                and isinstance(item, Offered)
                and isinstance(stale := pending[-1], Offered)
                and stale.replaceable
            ):
                pending.pop()
                stale.release()
            pending.append(item)
            self._changed.notify_all()

    def wait_for_room(self, camera_id: str) -> None:
        """Return when all that was put before is taken.

        Raises:
            HandoverClosedError: nobody takes anything any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._pending[camera_id] or self.abandoned)
            if self.abandoned:
                raise HandoverClosedError

    def close(self, camera_id: str) -> None:
        """The capture of this camera has ended."""
        with self._changed:
            self._guides.pop(camera_id)
        self.put(camera_id, CaptureEnded(camera_id=camera_id))

    def finish(self) -> None:
        """No capture will begin any more: once all have ended and all is taken, there is nothing left to take."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Something went wrong: nobody puts or takes any more, so let go of all who wait for it."""
        with self._changed:
            self.abandoned = True
            self._changed.notify_all()

    def take(self, limit: int, timeout_s: float) -> list[Item] | None:
        """The next item of each camera whose turn it is, at most so many, as soon as there is one.

        An empty list after `timeout_s` without any; None once there will never be one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._over or any(self._pending.values()), timeout_s)
            if self._over:
                return None
            turn = [camera_id for camera_id, pending in self._pending.items() if pending][:limit]
            items = [self._take(camera_id) for camera_id in turn]
            self._changed.notify_all()
            return items

    def guide(self, camera_id: str, guidance: Guidance) -> None:
        """Tell a capture; harmless when it has ended."""
        with self._changed:
            guide = self._guides.get(camera_id)
        if guide is not None:
            guide(guidance)

    @property
    def _over(self) -> bool:
        return self.abandoned or (self._finishing and not self._guides and not any(self._pending.values()))

    def _take(self, camera_id: str) -> Item:
        """Its next item; its turn comes again after all others."""
        pending = self._pending.pop(camera_id)
        item = pending.popleft()
        if pending or camera_id in self._guides:
            self._pending[camera_id] = pending
        return item


class MailboxSink(CaptureSink):
    """The mailbox of one camera as its capture sees it, from a thread of the same process."""

    def __init__(self, mailboxes: Mailboxes, camera_id: str) -> None:
        self._mailboxes = mailboxes
        self._camera_id = camera_id
        self._guidance = Guidance()
        mailboxes.open(camera_id, self._guide)

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        """Hand on a frame; see `CaptureSink`."""
        if wait:
            self._mailboxes.wait_for_room(self._camera_id)
        self._mailboxes.put(self._camera_id, Offered(captured, replaceable=not wait))

    def put_status(self, status: CameraStatusChanged) -> None:
        """Hand on a status change; see `CaptureSink`."""
        self._mailboxes.put(self._camera_id, status)

    def alive(self, within_s: float) -> None:
        """Nobody watches a thread, since nobody could end it."""

    def guidance(self) -> Guidance:
        """What it was told last."""
        return self._guidance

    def close(self) -> None:
        """The capture has ended."""
        self._mailboxes.close(self._camera_id)

    def _guide(self, guidance: Guidance) -> None:
        self._guidance = guidance
