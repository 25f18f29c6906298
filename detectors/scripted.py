"""The twin of a detector for tests and rehearsals: it answers from a script and looks at no image."""

from collections.abc import Sequence
from itertools import cycle

from detectors.detector import Detections, Image
from detectors.scores import DEFAULT_SCORES, ScoreContract


class ScriptedDetector:
    """Gives the detections of `script` one image after the other, from the start again when it is through.

    Detections below the floor of `scores` are left out, as every detector does.
    """

    max_batch = 1

    def __init__(
        self, script: Sequence[Detections], *, name: str = "scripted@00000000", scores: ScoreContract = DEFAULT_SCORES
    ) -> None:
        self.name = name
        self.scores = scores
        self._script = cycle(script)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """The next `len(images)` entries of the script."""
        return [self._above_floor(next(self._script)) for _ in images]

    def _above_floor(self, found: Detections) -> Detections:
        kept = found.scores >= self.scores.floor
        return Detections(boxes=found.boxes[kept], scores=found.scores[kept])
