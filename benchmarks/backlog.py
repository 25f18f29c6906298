"""How fast a worker drains a backlog: the frames of some minutes, queued while no worker ran, as a multiple of real time.

The cameras are so many that one worker would be half busy with them by plan (docs/performance.md). Beside it the same fold in
this process, without Kafka, as the yardstick of the machine and the moment.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import islice

from benchmarks import fold_scene
from benchmarks.installation import PEOPLE, Cameras, Installation, installed
from schemas.topics import TRACKS

CAMERAS, FPS = 80, 10
YARDSTICK_FRAMES = 2_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    minutes = parser.parse_args(arguments).minutes
    with installed() as installation:
        cameras = Cameras(installation, [f"camera-{number:02}" for number in range(CAMERAS)], FPS)
        cameras.define_zones()
        count = cameras.queue(minutes * 60)
        print(f"backlog of {minutes:g} min, {CAMERAS} cameras x {FPS} frames/s, {PEOPLE} people each: {count:,} frames")
        began = time.monotonic()
        installation.start("cameras", "process", "cameras")
        installation.caught_up(database=False)
        whole_s, drain_s = time.monotonic() - began, drained_in_s(installation)
    print(f"{'drained in s':>13} {'frames/s':>9} {'x real time':>12} {'with start s':>13} {'fold alone, frames/s':>21}")
    rates = f"{drain_s:13.1f} {count / drain_s:9,.0f} {minutes * 60 / drain_s:12.1f}"
    print(f"{rates} {whole_s:13.1f} {yardstick():21,.0f}")


def drained_in_s(installation: Installation) -> float:
    """From the first of what was made of the backlog to the last, by the broker's clock."""
    appended = [each.appended_at for each in installation.whole(TRACKS)]
    return (max(appended) - min(appended)) / 1_000


def yardstick() -> float:
    """Frames a second of the fold by itself, nothing decoded, encoded or kept."""
    camera, scene = fold_scene.camera(), list(islice(fold_scene.frames(PEOPLE, YARDSTICK_FRAMES), YARDSTICK_FRAMES))
    began = time.perf_counter()
    for frame in scene:
        camera.take(frame)
    return YARDSTICK_FRAMES / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
