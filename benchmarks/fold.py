"""How fast the whole fold is: tracking, visits, a line and minutes of one camera, on one thread, in process time.

Yardstick in the same run: the tracker alone, so that the share of zones and events shows whatever the machine.
"""

import time
from collections.abc import Iterator

import numpy as np

from schemas.events import DefineZones, FrameObserved, Line, Position, Zone
from schemas.wire import to_avro
from stream_processors.domain import tracker
from stream_processors.domain.camera import CameraState, LogEntry, step

FPS, FRAMES, WIDTH, HEIGHT = 10, 1_500, 1_920, 1_080
START = 1_700_000_000_000
ZONES = (
    Zone(zone_id="a", name="a", kind="WORK", polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.9), (0.1, 0.9))),
    Zone(zone_id="b", name="b", kind="REST", polygon=((0.4, 0.2), (0.9, 0.2), (0.9, 0.8), (0.4, 0.8))),
)
LINES = (Line(line_id="l", name="l", points=((0.5, 0.0), (0.5, 1.0))),)


def frames(people: int) -> Iterator[FrameObserved]:
    """People of 60 x 160 pixels who walk straight and turn back at the border, seen with a pixel of noise."""
    rng = np.random.default_rng(people)
    limits = np.array([WIDTH - 60, HEIGHT - 160], float)
    place, speed = rng.random((people, 2)) * limits, rng.normal(0, 40, (people, 2))
    for seq in range(FRAMES):
        place = place + speed / FPS
        speed = np.where((place < 0) | (place > limits), -speed, speed)
        corner = place + rng.normal(0, 1, place.shape)
        boxes = np.concatenate([corner, corner + np.array([60, 160])], axis=1).astype("<f4")
        scores = rng.uniform(0.7, 0.95, people).astype("<f4")
        yield FrameObserved(camera_id="c", session="s", seq=seq, observed_at=START + seq * 1_000 // FPS, width=WIDTH,
                            height=HEIGHT, boxes=boxes.tobytes(), scores=scores.tobytes())  # fmt: skip


def fold_seconds(log: list[FrameObserved], *, encode: bool) -> float:
    """Process time of folding a log under two zones and a line, optionally with the outputs encoded."""
    define = DefineZones(camera_id="c", command_id="k", zones=ZONES, lines=LINES)
    state, _ = step(CameraState("c"), LogEntry(_position(0), None, define))
    began = time.process_time()
    for offset, frame in enumerate(log, 1):
        state, outputs = step(state, LogEntry(_position(offset), None, frame))
        if encode:
            for output in outputs:
                to_avro(output)
    return time.process_time() - began


def tracker_seconds(log: list[FrameObserved]) -> float:
    """Process time of the tracker alone on the same frames."""
    contract = tracker.ScoreContract(0.1, 0.6, 0.7, 5_000)
    parsed = [
        tracker.Frame(
            frame.observed_at,
            np.frombuffer(frame.boxes, "<f4").astype(float).reshape(-1, 4),
            np.frombuffer(frame.scores, "<f4").astype(float),
            contract,
        )
        for frame in log
    ]
    state = tracker.TrackerState.empty()
    began = time.process_time()
    for frame in parsed:
        state, _ = tracker.update(state, frame)
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    print(
        f"{'people':>6}  {'tracker':>9}  {'fold':>9}  {'fold + Avro':>11}  {'fold / tracker':>14}   frames/s, one thread"
    )
    for people in (8, 20, 46):
        log = list(frames(people))
        alone, whole, encoded = tracker_seconds(log), fold_seconds(log, encode=False), fold_seconds(log, encode=True)
        print(
            f"{people:>6}  {FRAMES / alone:>9.0f}  {FRAMES / whole:>9.0f}  {FRAMES / encoded:>11.0f}  {whole / alone:>14.2f}"
        )


def _position(offset: int) -> Position:
    return Position(epoch=0, partition=0, offset=offset, index=0)


if __name__ == "__main__":
    main()
