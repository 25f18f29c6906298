"""Keeps the captures that are wanted running, and the detector with them. How they are run is not known here.

It compares what is wanted with what runs, and takes the next step towards it: an edge that is started, reconfigured,
recovering or stopped is always the same few lines at work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from producers.clock import Clock
from producers.metrics import RESTARTS
from producers.settings import CameraSettings

logger = structlog.get_logger(__name__)

STOP_S = 10.0
"""So long something may take to end in good order, before it is killed."""
STABLE_S = 60.0
"""What has run for so long has recovered."""
_FIRST_S, _LONGEST_S = 0.25, 30.0


class Worker(Protocol):
    """A capture or the detector, as it runs."""

    def stop(self) -> None:
        """Ask it to end in good order."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def ended(self) -> str | None:
        """None while it runs; how it ended, empty for a good end. A fault that no restart can mend is raised."""
        ...

    def overdue(self, now: float) -> bool:
        """Whether it has broken its word to give a sign of life."""
        ...


class Detection(Worker, Protocol):
    """The detector; `stop` lets it look at what the captures have left."""

    @property
    def ready(self) -> bool:
        """Whether captures can be started."""
        ...


class House(Protocol):
    """Where workers are run: in threads, or in processes."""

    def start_detection(self) -> Detection:
        """Start the detector."""
        ...

    def start_capture(self, camera: CameraSettings) -> Worker:
        """Start the capture of a camera, for the detector that is ready."""
        ...

    def watch(self, camera_id: str, for_s: float) -> None:
        """Have this camera's pictures recorded for so long from now, for people."""
        ...

    def close(self) -> None:
        """End at once what still runs."""
        ...


def delay_s(failures: int) -> float:
    """Seconds to wait after so many (1 or more) failures in a row."""
    return min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures - 1, 32))


@dataclass(slots=True)
class Restarts:
    """When something that died may be started again."""

    failures: int = 0
    due: float = float("-inf")

    def died(self, now: float, ran_s: float) -> None:
        """It died after so long."""
        self.failures = 1 if ran_s >= STABLE_S else self.failures + 1
        self.due = now + delay_s(self.failures)


WorkerT = TypeVar("WorkerT", bound=Worker)


@dataclass(slots=True)
class Run(Generic[WorkerT]):
    """A worker, and since when."""

    worker: WorkerT
    started_at: float
    stopping_at: float | None = None

    def stop(self, now: float) -> None:
        """Ask once, wait, then insist."""
        if self.stopping_at is None:
            self.stopping_at = now
            self.worker.stop()
        elif now - self.stopping_at > STOP_S:
            self.worker.kill()

    def kill(self, now: float) -> None:
        """It has no use any more."""
        self.stopping_at = now
        self.worker.kill()


class Supervisor:
    """What is wanted, what runs, and the steps between. Call `turn` again and again.

    Args:
        house: where workers are run.
        clock: tells now.
    """

    def __init__(self, house: House, clock: Clock) -> None:
        self._house = house
        self._clock = clock
        self._wanted: Mapping[str, CameraSettings] = {}
        self._stopping = False
        self._detection: Run[Detection] | None = None
        self._detection_restarts = Restarts()
        self._captures: dict[str, Run[Worker]] = {}
        self._cameras: dict[str, CameraSettings] = {}
        self._restarts: dict[str, Restarts] = {}
        self._over: dict[str, CameraSettings] = {}

    def want(self, cameras: Mapping[str, CameraSettings]) -> None:
        """From the next turn on these cameras are to run, with these settings; others go on untouched."""
        self._wanted = cameras

    def stop(self) -> None:
        """From the next turn on everything is to end: the captures, and the detector once it has looked at the rest."""
        self._wanted = {}
        self._stopping = True

    @property
    def stopped(self) -> bool:
        """Whether nothing runs any more."""
        return self._stopping and self._detection is None and not self._captures

    @property
    def over(self) -> bool:
        """Whether there are cameras, and all have come to their end by themselves."""
        return (
            bool(self._wanted)
            and not self._captures
            and all(self._over.get(name) == camera for name, camera in self._wanted.items())
        )

    def turn(self) -> None:
        """Take the next steps. Faults that no restart can mend are raised as the house raises them."""
        now = self._clock.monotonic()
        if self._detection is None:
            self._start_detection(now)
        else:
            self._check_detection(self._detection, now)
        for camera_id, run in list(self._captures.items()):
            self._check_capture(camera_id, run, now)
        for camera_id, camera in self._wanted.items():
            self._start_capture(camera_id, camera, now)

    def _start_detection(self, now: float) -> None:
        if not self._stopping and now >= self._detection_restarts.due:
            self._detection = Run(self._house.start_detection(), now)

    def _check_detection(self, run: Run[Detection], now: float) -> None:
        how = run.worker.ended()
        if how is not None:
            self._detection = None
            if not self._stopping:
                self._detection_restarts.died(now, now - run.started_at)
                _report("detection", how, camera="")
            for capture in self._captures.values():
                capture.kill(now)  # nobody takes what they capture
        elif self._stopping and not self._captures:
            run.stop(now)
        elif run.worker.overdue(now):
            run.worker.kill()

    def _check_capture(self, camera_id: str, run: Run[Worker], now: float) -> None:
        how = run.worker.ended()
        if how is not None:
            self._forget(camera_id, run, how, now)
        elif self._wanted.get(camera_id) != self._cameras[camera_id]:
            run.stop(now)
        elif run.worker.overdue(now):
            logger.error("a capture hangs", camera=camera_id)
            run.worker.kill()

    def _forget(self, camera_id: str, run: Run[Worker], how: str, now: float) -> None:
        del self._captures[camera_id]
        if run.stopping_at is not None:
            return
        if how:
            self._restarts[camera_id].died(now, now - run.started_at)
            _report("capture", how, camera=camera_id)
        else:
            self._over[camera_id] = self._cameras[camera_id]

    def _start_capture(self, camera_id: str, camera: CameraSettings, now: float) -> None:
        restarts = self._restarts.setdefault(camera_id, Restarts())
        settled = camera_id in self._captures or self._over.get(camera_id) == camera
        if settled or now < restarts.due or self._detection is None or not self._detection.worker.ready:
            return
        self._cameras[camera_id] = camera
        self._captures[camera_id] = Run(self._house.start_capture(camera), now)


def _report(worker: str, how: str, *, camera: str) -> None:
    RESTARTS.labels(worker).inc()
    logger.error("a process of the edge died and is started again", worker=worker, camera=camera, how=how)
