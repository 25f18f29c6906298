"""Small made-up scenes for the tracker's tests: boxes, frames, and the history of each track that comes out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream_processors.domain.boxes import Floats
from stream_processors.domain.tracker import EndedTrack, Frame, ScoreContract, TrackedFrame, TrackerState, update

CONTRACT = ScoreContract(floor=0.35, high=0.5, birth=0.6, low_only_ms=1_000)
START = 1_700_000_000_000
Box = tuple[float, float, float, float]
Sight = tuple[Box, float]


def person(x: float, y: float = 100.0, width: float = 40.0, height: float = 100.0) -> Box:
    """A box with its left upper corner at (x, y)."""
    return (x, y, x + width, y + height)


def frame(at_ms: int, *sights: Sight, contract: ScoreContract = CONTRACT) -> Frame:
    """A frame `at_ms` after the start of the scene."""
    boxes = np.array([box for box, _ in sights], np.float64).reshape(-1, 4)
    return Frame(START + at_ms, boxes, np.array([score for _, score in sights], np.float64), contract)


@dataclass(slots=True)
class Story:
    """What became of the tracks: when each was matched and at which box (backlog included), and which are over."""

    state: TrackerState = field(default_factory=TrackerState.empty)
    outputs: list[TrackedFrame] = field(default_factory=list)
    seen: dict[int, list[tuple[int, Box]]] = field(default_factory=dict)
    ended: list[EndedTrack] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """All track numbers, ascending."""
        return sorted(self.seen)

    def at(self, at_ms: int) -> dict[int, Box]:
        """Track number to box at one moment of the scene."""
        return {number: box for number, seen in self.seen.items() for moment, box in seen if moment == START + at_ms}


def tell(frames: Iterable[Frame], state: TrackerState | None = None) -> Story:
    """Tracks all frames."""
    story = Story(state or TrackerState.empty())
    for current in frames:
        story.state, tracked = update(story.state, current)
        story.outputs.append(tracked)
        story.ended += tracked.ended
        backlog = zip(tracked.backlog_track_no, tracked.backlog_observed_at, tracked.backlog_boxes, strict=True)
        for number, observed_at, box in backlog:
            story.seen.setdefault(int(number), []).append((int(observed_at), _box(box)))
        for number, detection in zip(tracked.track_no, tracked.detection, strict=True):
            moment = (current.observed_at, _box(current.boxes[detection]))
            story.seen.setdefault(int(number), []).append(moment)
    return story


def walk(times_ms: Iterable[int], x: float, speed: float, score: float = 0.9, y: float = 100.0) -> list[Frame]:
    """One person walking along x at `speed` pixels a second."""
    return [frame(at, (person(x + speed * at / 1_000, y), score)) for at in times_ms]


def together(*people: Sequence[Frame]) -> list[Frame]:
    """Scenes of the same moments, laid over each other."""
    return [
        Frame(
            first.observed_at,
            np.concatenate((first.boxes, *(other.boxes for other in others))),
            np.concatenate((first.scores, *(other.scores for other in others))),
            first.contract,
        )
        for first, *others in zip(*people, strict=True)
    ]


def _box(row: Floats) -> Box:
    left, top, right, bottom = row.tolist()
    return (left, top, right, bottom)
