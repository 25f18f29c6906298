"""Between capture and inference: the latest frame of each camera, its status changes in order, and turns for all."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from producers.session import Captured
from schemas.events import CameraStatusChanged

Item: TypeAlias = Captured | CameraStatusChanged


class Mailboxes:
    """One short queue per camera, filled by its capture thread and emptied by one inference thread.

    A frame takes the place of an older one that still waits at the end of the queue; a status change is never replaced
    and keeps its place among the frames, since it says what became of the people in them.
    """

    def __init__(self, camera_ids: Sequence[str]) -> None:
        self._changed = threading.Condition()
        self._pending: dict[str, deque[Item]] = {camera_id: deque() for camera_id in camera_ids}
        self._turns = deque(camera_ids)
        self._open = set(camera_ids)
        self._abandoned = False

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        """Hand on a frame; with `wait`, once all before it are taken, else in place of a stale one."""
        pending = self._pending[captured.camera_id]
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: not pending or self._abandoned)
            if pending and isinstance(stale := pending[-1], Captured):
                stale.skip("stale")
                pending.pop()
            pending.append(captured)
            self._changed.notify_all()

    def put_status(self, status: CameraStatusChanged) -> None:
        """Hand on a status change."""
        with self._changed:
            self._pending[status.camera_id].append(status)
            self._changed.notify_all()

    def close(self, camera_id: str) -> None:
        """Nothing more will come from this camera."""
        with self._changed:
            self._open.discard(camera_id)
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nobody will take anything any more: let go of those who wait for it."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def take(self) -> Item | None:
        """The next item of the camera whose turn it is, as soon as there is one; None when all are closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._next_camera() is not None or not self._open)
            camera_id = self._next_camera()
            if camera_id is None:
                return None
            self._turns.remove(camera_id)
            self._turns.append(camera_id)
            item = self._pending[camera_id].popleft()
            self._changed.notify_all()
            return item

    def _next_camera(self) -> str | None:
        return next((camera_id for camera_id in self._turns if self._pending[camera_id]), None)
