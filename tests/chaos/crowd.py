"""Made-up people who walk through a room and rest in it, as the frames a camera would see. No clock: time is given.

Each camera has a crowd of its own, which is a function of seed and camera.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

import numpy as np

from schemas.events import FrameObserved, Line, Zone, ZoneKind

FRAME_MS = 250
WIDTH, HEIGHT = 1280, 720
PERSON_PX = (60, 200)
ARRIVALS_PER_FRAME = 0.06
SEEN = 0.97  # chance that somebody in the picture is detected


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody who crosses the picture from left to right, and stands still on the way."""

    enters_at: int
    lane: float
    pace: float  # picture widths per second
    rests_at: float
    rests_ms: int

    def foot(self, at: int) -> tuple[float, float] | None:
        """Where the feet are, 0..1 of the picture; None when outside."""
        walked = (at - self.enters_at) / 1_000 * self.pace
        rested = self.rests_ms / 1_000 * self.pace
        x = min(walked, self.rests_at) if walked < self.rests_at + rested else walked - rested
        return (x, self.lane) if 0 <= x <= 1 else None


def frames(camera_id: str, seed: int, begins_at: int) -> Iterator[FrameObserved]:
    """One camera's frames, four a second of event time, without end."""
    random = Random(f"{seed}/{camera_id}")
    walkers: list[Walker] = []
    for seq in count():
        at = begins_at + seq * FRAME_MS
        if random.random() < ARRIVALS_PER_FRAME:
            walkers.append(_walker(random, at))
        walkers = [walker for walker in walkers if walker.foot(at) is not None]
        feet = [foot for walker in walkers if random.random() < SEEN and (foot := walker.foot(at)) is not None]
        yield FrameObserved(
            camera_id=camera_id,
            session="film",
            seq=seq,
            observed_at=at,
            width=WIDTH,
            height=HEIGHT,
            boxes=np.array([_box(x, y) for x, y in feet], "<f4").tobytes(),
            scores=np.full(len(feet), 0.9, "<f4").tobytes(),
        )


def room(edition: int) -> tuple[tuple[Zone, ...], tuple[Line, ...]]:
    """Zones and lines that the crowd crosses; each edition has the desk somewhat elsewhere."""
    left = 0.2 + edition % 5 * 0.02
    zones = (_zone("desk", "WORK", left, left + 0.2), _zone("queue", "QUEUE", 0.45, 0.7), _zone("sofa", "REST", 0.6, 1))
    return zones, (Line(line_id="door", name="Door", points=((0.1, 1.0), (0.1, 0.0))),)


def _zone(zone_id: str, kind: ZoneKind, left: float, right: float) -> Zone:
    corners = ((left, 0.0), (right, 0.0), (right, 1.0), (left, 1.0))
    return Zone(zone_id=zone_id, name=zone_id, kind=kind, polygon=corners, capacity=4)


def _walker(random: Random, at: int) -> Walker:
    return Walker(at, random.uniform(0.4, 0.95), random.uniform(0.06, 0.2), random.random(), random.randint(0, 9_000))


def _box(x: float, y: float) -> tuple[float, float, float, float]:
    width, height = PERSON_PX
    return x * WIDTH - width / 2, y * HEIGHT - height, x * WIDTH + width / 2, y * HEIGHT
