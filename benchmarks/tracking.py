"""How well and how fast the tracker tracks: MOTChallenge detections in, results, scores and frames a second out.

    python -m benchmarks.tracking --data DIR [--data DIR] --output DIR [--peers] [--every N]

DIR holds `<SEQ>/det.txt` and `<SEQ>/seqinfo.ini`; with `<SEQ>/gt.txt` and trackeval installed the results are scored as well.
`--peers` adds the trackers of roboflow's `trackers` beside it. Online: no look-ahead, no interpolation, one configuration.
"""

import argparse
import configparser
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.tracking_peers import MissingPeersError, peers
from benchmarks.tracking_scores import MissingTrackEvalError, Scores, score
from stream_processors.domain.tracker import Frame, ScoreContract, TrackerState, update

CONTRACT = ScoreContract(floor=0.1, high=0.6, birth=0.7, low_only_ms=5_000)
EPOCH_MS = 1_000_000
SCENE_SIZES = (20, 46)
SCENE_FRAMES = 400

Detections = list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # track ids and which detection each has
Tracker = Callable[[Detections, float], list[Found]]


@dataclass(frozen=True, slots=True)
class Sequence:
    """One MOTChallenge sequence: its folder, its frame rate, and boxes and scores of every frame."""

    folder: Path
    frames_per_second: float
    frames: Detections


def read(folder: Path) -> Sequence:
    """A sequence from its folder.

    Raises:
        SystemExit: a file is missing.
    """
    info = configparser.ConfigParser()
    if not info.read(folder / "seqinfo.ini"):
        raise SystemExit(f"{folder} has no seqinfo.ini")
    rows = np.loadtxt(folder / "det.txt", delimiter=",", ndmin=2)
    boxes = np.concatenate((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]), axis=1)
    numbers = range(1, info.getint("Sequence", "seqLength") + 1)
    chosen = [(rows[:, 0] == number) & (rows[:, 6] >= CONTRACT.floor) for number in numbers]
    return Sequence(folder, info.getfloat("Sequence", "frameRate"), [(boxes[mask], rows[mask, 6]) for mask in chosen])


def aforo(frames: Detections, frames_per_second: float) -> list[Found]:
    """Aforo's tracker over these frames."""
    state, found = TrackerState.empty(), []
    for number, (boxes, scores) in enumerate(frames):
        observed_at = EPOCH_MS + round(number * 1_000 / frames_per_second)
        state, tracked = update(state, Frame(observed_at, boxes, scores, CONTRACT))
        found.append((tracked.track_no, tracked.detection))
    return found


def scene(people: int, frames: int = SCENE_FRAMES) -> Detections:
    """Made-up people walking straight at 10 frames a second, seen by a detector that misses 3 % and errs by a pixel or two."""
    random = np.random.default_rng(people)
    size = random.uniform(80, 250, people)[:, None] * [0.4, 1.0]
    start, velocity = random.uniform(0, [1_800, 800], (people, 2)), random.normal(0, 4, (people, 2))
    made = []
    for number in range(frames):
        corner = np.abs((start + number * velocity) % [3_600, 1_600] - [1_800, 800])
        boxes = np.concatenate((corner, corner + size), axis=1) + random.normal(0, 1.5, (people, 4))
        seen = random.random(people) > 0.03
        made.append((boxes[seen], np.clip(random.normal(0.82, 0.12, people), 0.05, 0.99)[seen]))
    return made


def frames_per_second(tracker: Tracker, frames: Detections) -> float:
    """Frames a second of process time, one thread; the best of three runs."""
    return len(frames) / min(_seconds(tracker, frames) for _ in range(3))


def _seconds(tracker: Tracker, frames: Detections) -> float:
    started = time.process_time()
    tracker(frames, 10.0)
    return time.process_time() - started


def results(sequence: Sequence, found: list[Found], every: int) -> Iterator[str]:
    """The lines of a MOTChallenge result file; `every` is the step between the frames used."""
    for number, ((boxes, scores), (track_ids, detections)) in enumerate(
        zip(sequence.frames[::every], found, strict=True)
    ):
        for track_id, detection in zip(track_ids.tolist(), detections.tolist(), strict=True):
            left, top, right, bottom = boxes[detection].tolist()
            box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},{scores[detection]:.3f}"
            yield f"{number + 1},{track_id},{box},-1,-1,-1\n"


def track(tracker: Tracker, sequence: Sequence, output: Path, every: int) -> float:
    """Writes the results of one sequence; returns the seconds of process time it took."""
    started = time.process_time()
    found = tracker(sequence.frames[::every], sequence.frames_per_second / every)
    seconds = time.process_time() - started
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{sequence.folder.name}.txt").write_text("".join(results(sequence, found, every)))
    return seconds


def show_accuracy(data: Path, output: Path, trackers: dict[str, Tracker], every: int) -> None:
    """Tracks every sequence of `data` with every tracker, and prints a row for each."""
    sequences = [read(path.parent) for path in sorted(data.glob("*/det.txt"))]
    if not sequences:
        raise SystemExit(f"{data} has no <SEQ>/det.txt")
    frames = sum(len(sequence.frames[::every]) for sequence in sequences)
    print(f"\n{data.name}: {len(sequences)} sequences, {frames} frames\n{'tracker':<12}  frames/s" + Scores.HEAD)
    for name, tracker in trackers.items():
        folder = output / data.name / name
        seconds = sum(track(tracker, sequence, folder, every) for sequence in sequences)
        print(f"{name:<12}{frames / seconds:>10,.0f}{_scored(sequences, folder, every)}", flush=True)


def _scored(sequences: list[Sequence], folder: Path, every: int) -> str:
    if not all((sequence.folder / "gt.txt").exists() for sequence in sequences):
        return "  (no gt.txt)"
    try:
        return str(score([(sequence.folder, len(sequence.frames)) for sequence in sequences], folder, every))
    except MissingTrackEvalError as missing:
        return f"  ({missing})"


def show_speed(trackers: dict[str, Tracker]) -> None:
    """Prints frames a second in the made-up scenes, and Aforo's ratio to each."""
    for people in SCENE_SIZES:
        frames = scene(people)
        speeds = {name: frames_per_second(tracker, frames) for name, tracker in trackers.items()}
        print(f"\n{people} people in a frame (made-up scene)\ntracker       frames/s   aforo is")
        for name, speed in speeds.items():
            print(f"{name:<12}{speed:>10,.0f}{speeds['aforo'] / speed:>9.1f} x")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder of sequences; may be repeated")
    parser.add_argument("--output", type=Path, required=True, help="where the result files go")
    parser.add_argument("--peers", action="store_true", help="add the trackers of roboflow's `trackers`")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use every Nth frame only")
    arguments = parser.parse_args()
    trackers: dict[str, Tracker] = {"aforo": aforo}
    if arguments.peers:
        try:
            trackers |= peers()
        except MissingPeersError as missing:
            print(missing, file=sys.stderr)
    for data in arguments.data:
        show_accuracy(data, arguments.output, trackers, arguments.every)
    show_speed(trackers)


if __name__ == "__main__":
    main()
