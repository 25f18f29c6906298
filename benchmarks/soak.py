"""Whether memory stays flat: cameras app, projector and API under 4 cameras x 15 frames/s, looked at each minute.

What is counted is what a process has for itself (private pages); shared libraries count for nobody. The slope is a straight
line through all samples but the first quarter, in which caches and pools fill.
"""

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.installation import Cameras, installed

CAMERAS, FPS = 4, 15
EVERY_S = 60.0
PROCESSES: Mapping[str, tuple[str, ...]] = {
    "cameras": ("process", "cameras"),
    "projector": ("process", "projector"),
    "api": ("api",),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a sample, and the slopes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between two samples")
    given = parser.parse_args(arguments)
    print(f"private memory in kB, {CAMERAS} cameras x {FPS} frames/s")
    print(f"{'minute':>7} " + " ".join(f"{name:>11}" for name in PROCESSES))
    with installed() as installation:
        pids = {name: installation.start(name, *arguments) for name, arguments in PROCESSES.items()}
        cameras = Cameras(installation, [f"camera-{number}" for number in range(CAMERAS)], FPS)
        cameras.define_zones()
        installation.caught_up(database=True)
        with _sampled(lambda: [private_kb(pid) for pid in pids.values()], given.every) as samples:
            cameras.film(given.minutes * 60)
        installation.caught_up(database=True)
    slopes = " ".join(f"{slope:+11,.1f}" for slope in slopes_a_minute(samples, given.every))
    print(f"{'kB/min':>7} {slopes}")


def private_kb(pid: int) -> int:
    """What a process has for itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def slopes_a_minute(samples: Sequence[Sequence[int]], every_s: float) -> list[float]:
    """Of each column, by least squares, the first quarter left out."""
    settled = np.array(samples[len(samples) // 4 :], dtype=float)
    minutes = np.arange(len(settled)) * every_s / 60
    return [float(np.polyfit(minutes, column, 1)[0]) for column in settled.T]


@contextmanager
def _sampled(look: Callable[[], list[int]], every_s: float) -> Iterator[list[list[int]]]:
    """Look at once and then regularly, until the context ends; each look is printed."""
    samples, over = list[list[int]](), threading.Event()
    began = time.monotonic()

    def run() -> None:
        while True:
            samples.append(look())
            print(
                f"{(time.monotonic() - began) / 60:7.1f} " + " ".join(f"{each:11,}" for each in samples[-1]), flush=True
            )
            if over.wait(began + len(samples) * every_s - time.monotonic()):
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
