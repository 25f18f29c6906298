"""From captured frames to results: one detector, fair among cameras, no more than it can do. It knows no source and no broker."""

from collections.abc import Callable, Sequence

from detectors.appearance import Embedder
from detectors.detector import Detections, Detector, Image
from producers.clock import Clock
from producers.handover import Captured
from producers.load import TICK_S, LoadControl
from producers.mailbox import Item, Mailboxes, Offered
from producers.results import AnyResult, CaptureEnded, LoadReported, Looked, Pictured, packed
from schemas.events import CameraStatusChanged, FrameObserved

NOBODY = Detections.of([])


class Inference:
    """Looks at what the cameras captured.

    Args:
        detector: finds the people.
        mailboxes: where frames and status changes come from, and where captures are told what can be done.
        clock: measures the detector.
        emit: takes the results, each camera's in its order.
        watched: whether somebody wants to see this camera's pictures now.
        embedder: describes the people found, if that is wanted.
    """

    def __init__(
        self,
        detector: Detector,
        mailboxes: Mailboxes,
        clock: Clock,
        emit: Callable[[AnyResult], None],
        *,
        watched: Callable[[str], bool] = lambda _: False,
        embedder: Embedder | None = None,
    ) -> None:
        self._detector = detector
        self._mailboxes = mailboxes
        self._clock = clock
        self._emit = emit
        self._watched = watched
        self._embedder = embedder
        self._control = LoadControl(clock.monotonic())

    def run(self) -> None:
        """Work until every capture has ended and all it captured is looked at."""
        while (items := self._mailboxes.take(self._detector.max_batch, TICK_S)) is not None:
            self._look([item for item in items if isinstance(item, Offered) and not item.captured.gated])
            for item in items:
                self._pass_on(item)
            if self._control.tick(self._clock.monotonic()):
                self._report_load()

    def _look(self, frames: Sequence[Offered]) -> None:
        images = [offered.captured.frame.image() for offered in frames]
        started = self._clock.monotonic()
        found = self._detector.detect(images)
        each_ms = (self._clock.monotonic() - started) * 1000 / max(1, len(frames))
        for offered, image, people in zip(frames, images, found, strict=True):
            self._tell(offered.captured, image, people, each_ms)
            offered.release()

    def _tell(self, captured: Captured, image: Image, people: Detections, detector_ms: float) -> None:
        camera_id = captured.camera_id
        looks = self._embedder.embed(image, people.boxes).tobytes() if self._embedder else b""
        self._emit(looked(captured, people, detector_ms, self._detector, looks))
        if self._watched(camera_id):
            self._emit(pictured(captured, image, people))
        self._control.came(captured)
        self._control.looked(captured, seen=bool((people.scores >= self._detector.scores.high).any()))
        self._mailboxes.guide(camera_id, self._control.guidance(camera_id))

    def _pass_on(self, item: Item) -> None:
        """What needs no looking at."""
        match item:
            case Offered(captured=captured) if captured.gated:
                self._control.came(captured)
                self._emit(looked(captured, NOBODY, None, self._detector))
            case CaptureEnded():
                self._control.ended(item.camera_id)
                self._emit(item)
            case CameraStatusChanged():
                self._emit(item)

    def _report_load(self) -> None:
        load, idle = self._control.load, tuple(sorted(self._control.resting))
        self._emit(LoadReported(cap_fps=load.cap_fps, resting=idle))
        for camera_id in self._control.cameras:
            self._mailboxes.guide(camera_id, self._control.guidance(camera_id))


def looked(
    captured: Captured, people: Detections, detector_ms: float | None, detector: Detector, looks: bytes = b""
) -> Looked:
    """What is to be said of one frame."""
    frame, scores = captured.frame, detector.scores
    record = FrameObserved(
        camera_id=captured.camera_id,
        session=captured.session,
        seq=captured.number,
        observed_at=frame.observed_at,
        time_source=frame.time_source,
        width=frame.width,
        height=frame.height,
        model=detector.name,
        score_floor=scores.floor,
        score_high=scores.high,
        score_birth=scores.birth,
        low_only_ms=scores.low_only_ms,
        gated=captured.gated,
        boxes=packed(people.boxes),
        scores=packed(people.scores),
        skipped={str(reason): count for reason, count in captured.skipped.items()},
        appearance=looks,
    )
    return Looked(record=record, detector_ms=detector_ms)


def pictured(captured: Captured, image: Image, people: Detections) -> Pictured:
    """The frame for people to look at."""
    height, width = image.shape[:2]
    return Pictured(
        camera_id=captured.camera_id,
        observed_at=captured.frame.observed_at,
        width=width,
        height=height,
        image=image.tobytes(),
        boxes=packed(people.boxes),
        scores=packed(people.scores),
    )
