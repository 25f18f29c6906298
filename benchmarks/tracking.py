"""How well and how fast the tracker tracks: MOTChallenge detections in, results, scores and frames a second out.

    python -m benchmarks.tracking --data DIR [--data DIR] --output DIR [--peers] [--every N] [--drop SHARE]

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
Tracker = Callable[[Detections, list[int]], list[Found]]  # frames, and when each was observed, ms


@dataclass(frozen=True, slots=True)
class Sequence:
    """One MOTChallenge sequence: its folder, and of the frames used the number, the time in ms, and boxes and scores."""

    folder: Path
    numbers: list[int]
    times: list[int]
    frames: Detections


def read(folder: Path, every: int, drop: float) -> Sequence:
    """A sequence from its folder: every Nth frame, and of those a share dropped by chance (the same ones each time).

    Raises:
        SystemExit: a file is missing.
    """
    info = configparser.ConfigParser()
    if not info.read(folder / "seqinfo.ini"):
        raise SystemExit(f"{folder} has no seqinfo.ini")
    random = np.random.default_rng(0)
    rate, length = info.getfloat("Sequence", "frameRate"), info.getint("Sequence", "seqLength")
    numbers = [number for number in range(1, length + 1, every) if random.random() >= drop]
    rows = np.loadtxt(folder / "det.txt", delimiter=",", ndmin=2)
    boxes = np.concatenate((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]), axis=1)
    chosen = [(rows[:, 0] == number) & (rows[:, 6] >= CONTRACT.floor) for number in numbers]
    times = [EPOCH_MS + round((number - 1) * 1_000 / rate) for number in numbers]
    return Sequence(folder, numbers, times, [(boxes[mask], rows[mask, 6]) for mask in chosen])


def aforo(frames: Detections, times: list[int]) -> list[Found]:
    """Aforo's tracker over these frames, with the shipped defaults."""
    return _aforo(frames, times, camera_moves=False)


def aforo_moving(frames: Detections, times: list[int]) -> list[Found]:
    """The same, told that the camera may move."""
    return _aforo(frames, times, camera_moves=True)


def _aforo(frames: Detections, times: list[int], *, camera_moves: bool) -> list[Found]:
    state, found = TrackerState.empty(), []
    for (boxes, scores), observed_at in zip(frames, times, strict=True):
        frame = Frame(observed_at, boxes, scores, CONTRACT)
        state, tracked = update(state, frame, camera_moves=camera_moves)
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
    times = [EPOCH_MS + 100 * number for number in range(len(frames))]
    started = time.process_time()
    tracker(frames, times)
    return time.process_time() - started


def results(sequence: Sequence, found: list[Found]) -> Iterator[str]:
    """The lines of a MOTChallenge result file; the frames used are numbered from 1."""
    for number, ((boxes, scores), (track_ids, detections)) in enumerate(zip(sequence.frames, found, strict=True), 1):
        for track_id, detection in zip(track_ids.tolist(), detections.tolist(), strict=True):
            left, top, right, bottom = boxes[detection].tolist()
            box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},{scores[detection]:.3f}"
            yield f"{number},{track_id},{box},-1,-1,-1\n"


def track(tracker: Tracker, sequence: Sequence, output: Path) -> float:
    """Writes the results of one sequence; returns the seconds of process time it took."""
    started = time.process_time()
    found = tracker(sequence.frames, sequence.times)
    seconds = time.process_time() - started
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{sequence.folder.name}.txt").write_text("".join(results(sequence, found)))
    return seconds


def show_accuracy(data: Path, sequences: list[Sequence], output: Path, trackers: dict[str, Tracker]) -> None:
    """Tracks every sequence with every tracker, and prints a row for each."""
    if not sequences:
        raise SystemExit(f"{data} has no <SEQ>/det.txt")
    frames = sum(len(sequence.frames) for sequence in sequences)
    print(f"\n{data.name}: {len(sequences)} sequences, {frames} frames\n{'tracker':<14}  frames/s" + Scores.HEAD)
    for name, tracker in trackers.items():
        folder = output / data.name / name.replace(" ", "-")
        seconds = sum(track(tracker, sequence, folder) for sequence in sequences)
        print(f"{name:<14}{frames / seconds:>10,.0f}{_scored(sequences, folder)}", flush=True)


def _scored(sequences: list[Sequence], folder: Path) -> str:
    if not all((sequence.folder / "gt.txt").exists() for sequence in sequences):
        return "  (no gt.txt)"
    try:
        return str(score([(sequence.folder, sequence.numbers) for sequence in sequences], folder))
    except MissingTrackEvalError as missing:
        return f"  ({missing})"


def show_speed(trackers: dict[str, Tracker]) -> None:
    """Prints frames a second in the made-up scenes, and Aforo's ratio to each."""
    for people in SCENE_SIZES:
        frames = scene(people)
        speeds = {name: frames_per_second(tracker, frames) for name, tracker in trackers.items()}
        print(f"\n{people} people in a frame (made-up scene)\ntracker         frames/s   aforo is")
        for name, speed in speeds.items():
            print(f"{name:<14}{speed:>10,.0f}{speeds['aforo'] / speed:>9.1f} x")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder of sequences; may be repeated")
    parser.add_argument("--output", type=Path, required=True, help="where the result files go")
    parser.add_argument("--peers", action="store_true", help="add the trackers of roboflow's `trackers`")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use every Nth frame only")
    parser.add_argument(
        "--drop", type=float, default=0.0, metavar="SHARE", help="drop this share of the frames by chance"
    )
    arguments = parser.parse_args()
    trackers: dict[str, Tracker] = {"aforo": aforo, "aforo, moving": aforo_moving}
    if arguments.peers:
        try:
            trackers |= peers()
        except MissingPeersError as missing:
            print(missing, file=sys.stderr)
    for data in arguments.data:
        folders = sorted(path.parent for path in data.glob("*/det.txt"))
        sequences = [read(folder, arguments.every, arguments.drop) for folder in folders]
        show_accuracy(data, sequences, arguments.output, trackers)
    show_speed(trackers)


if __name__ == "__main__":
    main()
