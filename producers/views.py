"""The newest pictures of the cameras for people, only while they look. What a picture is made into is not known here."""

from collections.abc import Callable, Container

from producers.clock import Clock
from producers.handover import View
from producers.results import Pictured


class Watching:
    """Who looks at which camera, and until when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def watch(self, camera_id: str, for_s: float) -> None:
        """Somebody looks at this camera for so long from now."""
        self._until[camera_id] = self._clock.monotonic() + for_s

    def watched(self, camera_id: str) -> bool:
        """Whether somebody looks at it now."""
        return self._clock.monotonic() < self._until.get(camera_id, float("-inf"))


class Views:
    """Has pictures sent while somebody looks, and keeps the newest of each camera; see `Viewer`.

    Args:
        clock: tells now.
        cameras: the cameras there are.
    """

    def __init__(self, clock: Clock, cameras: Callable[[], Container[str]]) -> None:
        self.ask: Callable[[str, float], None] = _nobody
        """Has the pictures of a camera sent to `keep` for so many seconds."""
        self._cameras = cameras
        self._watching = Watching(clock)
        self._views: dict[str, View] = {}

    def look(self, camera_id: str, for_s: float) -> View | None:
        """See `Viewer`."""
        if camera_id not in self._cameras():
            raise KeyError(camera_id)
        if not self._watching.watched(camera_id):
            self._views.pop(camera_id, None)
        self._watching.watch(camera_id, for_s)
        self.ask(camera_id, for_s)
        return self._views.get(camera_id)

    def keep(self, picture: Pictured) -> None:
        """Take a new picture, unless nobody looks any more."""
        if self._watching.watched(picture.camera_id):
            self._views[picture.camera_id] = picture.view

    def tidy(self) -> None:
        """Let go of what nobody looks at any more."""
        for camera_id in list(self._views):
            if not self._watching.watched(camera_id):
                self._views.pop(camera_id, None)


def _nobody(camera_id: str, for_s: float) -> None:
    """No pictures come before there is somebody to ask for them."""
