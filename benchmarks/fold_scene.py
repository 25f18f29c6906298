"""What the fold's benchmarks look at: made-up people who walk across zones all the time, as a camera's log. Knows no clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from schemas.events import DefineZones, FrameObserved, Line, Output, Position, Zone
from stream_processors.domain.camera import CameraState, LogEntry, step

FPS, WIDTH, HEIGHT = 10, 1_920, 1_080
START = 1_700_000_000_000
PERSON = np.array([60.0, 160.0])
ZONES = (
    Zone(zone_id="a", name="a", kind="WORK", polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.9), (0.1, 0.9))),
    Zone(zone_id="b", name="b", kind="REST", polygon=((0.4, 0.2), (0.9, 0.2), (0.9, 0.8), (0.4, 0.8))),
)
LINES = (Line(line_id="l", name="l", points=((0.5, 0.0), (0.5, 1.0))),)

Boxes = npt.NDArray[np.float32]


def frames(people: int, count: int, fps: int = FPS, stay_s: int | None = None) -> Iterator[FrameObserved]:
    """People of 60 x 160 pixels who walk straight and turn back at the border, seen with a pixel of noise.

    With `stay_s` all leave for five seconds that often, so that tracks and visits end.
    """
    rng = np.random.default_rng(people)
    limits = np.array([WIDTH, HEIGHT]) - PERSON
    place, speed = rng.random((people, 2)) * limits, rng.normal(0, 40, (people, 2))
    for seq in range(count):
        place = place + speed / fps
        speed = np.where((place < 0) | (place > limits), -speed, speed)
        corner = place + rng.normal(0, 1, place.shape)
        boxes = np.concatenate([corner, corner + PERSON], axis=1).astype("<f4")
        scores = rng.uniform(0.7, 0.95, people).astype("<f4")
        away = stay_s is not None and seq % (stay_s * fps) < 5 * fps
        yield _frame(seq, fps, boxes[:0] if away else boxes, scores[:0] if away else scores)


def many_zones(count: int) -> tuple[Zone, ...]:
    """Squares of a tenth to a third of the frame, anywhere."""
    rng = np.random.default_rng(count)
    corners, sizes = rng.random((count, 2)) * 0.65, rng.uniform(0.1, 0.35, (count, 2))
    return tuple(
        Zone(zone_id=f"z{index:03}", name="z", kind="WORK", polygon=((x, y), (x + w, y), (x + w, y + h), (x, y + h)))
        for index, ((x, y), (w, h)) in enumerate(zip(corners.tolist(), sizes.tolist(), strict=True))
    )


@dataclass(slots=True)
class Camera:
    """One camera's fold, fed record by record."""

    state: CameraState = field(default_factory=lambda: CameraState("c"))
    offset: int = 0

    def take(self, record: FrameObserved | DefineZones) -> list[Output]:
        """What the fold says of the next record of the log."""
        self.state, outputs = step(self.state, LogEntry(self.next_position, None, record))
        self.offset += 1
        return outputs

    @property
    def next_position(self) -> Position:
        """Of the record that comes next."""
        return Position(epoch=0, partition=0, offset=self.offset, index=0)


def camera(defined: tuple[Zone, ...] = ZONES) -> Camera:
    """A camera with these zones and a line."""
    made = Camera()
    made.take(DefineZones(camera_id="c", command_id="k", zones=defined, lines=LINES))
    return made


def _frame(seq: int, fps: int, boxes: Boxes, scores: Boxes) -> FrameObserved:
    return FrameObserved(
        camera_id="c",
        session="s",
        seq=seq,
        observed_at=START + seq * 1_000 // fps,
        width=WIDTH,
        height=HEIGHT,
        boxes=boxes.tobytes(),
        scores=scores.tobytes(),
    )
