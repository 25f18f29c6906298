"""From results to records: numbers what is written, counts what was left out, and measures. It knows no process and no broker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from producers.clock import Clock
from producers.metrics import (
    DETECTOR_SECONDS,
    FPS_CAP,
    FRAME_AGE_SECONDS,
    FRAMES,
    LOST,
    RESTING,
    SKIPPED,
    STREAMING,
)
from producers.publisher import CameraLog
from producers.results import AnyResult, CaptureEnded, LoadReported, Looked, Pictured
from schemas.events import CameraStatusChanged, FrameObserved

logger = structlog.get_logger(__name__)

_AWAY = {"STALLED", "BACKOFF"}


@dataclass(slots=True)
class Written:
    """What was written of one camera."""

    session: str = ""
    frames: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    status: CameraStatusChanged | None = None


def written(record: FrameObserved, before: int) -> FrameObserved:
    """The record as it is written after `before` others of its session; see `Looked`."""
    stale = record.seq - before
    skipped = record.skipped | ({"stale": stale} if stale else {})
    return msgspec.structs.replace(record, seq=before, skipped=skipped)


class Recorder:
    """Writes what the cameras gave. For one thread at a time.

    Args:
        log: takes the records.
        clock: measures how old frames are.
        picture: takes pictures for people.
    """

    def __init__(self, log: CameraLog, clock: Clock, picture: Callable[[Pictured], None]) -> None:
        self._log = log
        self._clock = clock
        self._picture = picture
        self._cameras: dict[str, Written] = {}
        self._resting: tuple[str, ...] = ()

    def record(self, result: AnyResult) -> None:
        """Write one result, after those before it."""
        match result:
            case Looked():
                self._frame(result)
            case CameraStatusChanged():
                self._status(result)
            case CaptureEnded():
                self._ended(result.camera_id, "CAPTURE_DIED")
            case Pictured():
                self._picture(result)
            case LoadReported():
                self._load(result)

    def inference_died(self) -> None:
        """All that was on its way to be looked at is gone, and the captures with it."""
        for camera_id in self._cameras:
            self._ended(camera_id, "INFERENCE_DIED")

    @property
    def statuses(self) -> Mapping[str, CameraStatusChanged]:
        """The last word of each camera."""
        return {camera_id: each.status for camera_id, each in self._cameras.items() if each.status is not None}

    def _of(self, camera_id: str) -> Written:
        return self._cameras.setdefault(camera_id, Written())

    def _frame(self, looked: Looked) -> None:
        camera = self._of(looked.record.camera_id)
        if camera.session != looked.record.session:
            camera.session, camera.frames, camera.skipped = looked.record.session, 0, {}
        record = written(looked.record, camera.frames)
        headers = {} if looked.detector_ms is None else {"detector-ms": f"{looked.detector_ms:.3f}"}
        self._log.append(record, headers)
        camera.frames += 1
        self._measure(record, looked.detector_ms)
        self._count(record, camera)

    def _measure(self, record: FrameObserved, detector_ms: float | None) -> None:
        FRAMES.labels(record.camera_id).inc()
        age_s = (self._clock.utc_ms() - record.observed_at) / 1000
        FRAME_AGE_SECONDS.labels(record.camera_id).observe(age_s)
        if detector_ms is not None:
            DETECTOR_SECONDS.observe(detector_ms / 1000)

    def _count(self, record: FrameObserved, camera: Written) -> None:
        for reason, count in record.skipped.items():
            SKIPPED.labels(record.camera_id, reason).inc(count - camera.skipped.get(reason, 0))
        camera.skipped = record.skipped

    def _status(self, status: CameraStatusChanged) -> None:
        self._of(status.camera_id).status = status
        self._log.append(status)
        STREAMING.labels(status.camera_id).set(status.status == "STREAMING")
        if status.status in _AWAY:
            LOST.labels(status.camera_id, status.reason).inc()

    def _ended(self, camera_id: str, reason: str) -> None:
        """A capture that says goodbye has said STOPPED; of any other, the log must learn that its camera is away."""
        last = self._of(camera_id).status
        if last is not None and last.status not in {"STOPPED", "BACKOFF"}:
            now = self._clock.utc_ms()
            self._status(CameraStatusChanged(camera_id=camera_id, changed_at=now, status="BACKOFF", reason=reason))

    def _load(self, load: LoadReported) -> None:
        FPS_CAP.set(load.cap_fps)
        for camera_id in self._cameras:
            RESTING.labels(camera_id).set(camera_id in load.resting)
        if load.resting and load.resting != self._resting:
            logger.warning("cameras rest in turn: the detector cannot keep up", resting=load.resting)
        self._resting = load.resting
