"""Scenes for the motion gate: a still room with the noise of a sensor, and whoever walks through it."""

from dataclasses import dataclass, field

import numpy as np

from producers.frames import Grey
from producers.handover import Guidance
from producers.motion import MotionGate, Verdict

WIDTH, HEIGHT = 384, 288
FRAME_MS = 100


class Room:
    """A room of soft shapes, and noise of `sigma` that differs from picture to picture."""

    def __init__(self, sigma: float = 4.0, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._noise = self._random.normal(0, sigma, (8, HEIGHT, WIDTH)).astype(np.float32)
        coarse = self._random.uniform(70, 170, (6, 8))
        self.walls = np.kron(coarse, np.ones((HEIGHT // 6, WIDTH // 8))).astype(np.float32)

    def picture(self, *, light: float = 0.0, person: tuple[int, int, float] | None = None) -> Grey:
        """The room now; `person`: right edge and height in pixels, and contrast to the wall behind."""
        seen = self.walls + light
        if person is not None:
            right, tall, contrast = person
            seen[HEIGHT - 20 - tall : HEIGHT - 20, max(0, right - tall // 3) : max(0, right)] += contrast
        noise = self._noise[self._random.integers(len(self._noise))]
        picture: Grey = np.clip(np.rint(seen + noise), 0, 255).astype(np.uint8)
        return picture


@dataclass
class Watch:
    """A gate and a detector that looks at once and sees somebody whenever it is told so."""

    gate: MotionGate
    now: int = 1_700_000_000_000
    guidance: Guidance = field(default_factory=Guidance)

    def judge(self, picture: Grey, *, person: bool = False) -> Verdict:
        verdict = self.gate.judge(picture, self.now, self.guidance)
        if verdict == "look":
            self.guidance = Guidance(looked_at=self.now, seen_at=self.now if person else self.guidance.seen_at)
        self.now += FRAME_MS
        return verdict

    def closed(self, room: Room) -> "Watch":
        """The same after a quiet while."""
        while self.judge(room.picture()) == "look":
            pass
        return self
