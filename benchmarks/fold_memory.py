"""That the fold's memory does not grow with the log: a day of one camera, run through as fast as it goes.

Resident memory is the process's; held and peak are what Python had allocated at the end of the hour and at most in it (tracemalloc,
which makes everything several times slower). Each hour begins with a full collection: Python keeps up to 2,000 freed tuples of
each length for later use, and without it the hours would show how these fill up. `--fps 10` is a real camera's rate.
"""

import argparse
import gc
import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fold_scene import camera, frames

HOURS = (1, 6, 12, 24)
PEOPLE, STAY_S = 8, 120
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1_024


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fps", type=int, default=2)
    fps = parser.parse_args(arguments).fps
    print(f"\na day at {fps} frames/s, {PEOPLE} people who leave every {STAY_S} s")
    print(f"{'hour':>5} {'resident MB':>12} {'held kB':>9} {'peak kB':>9}")
    watched, log = camera(), frames(PEOPLE, HOURS[-1] * 3_600 * fps, fps, STAY_S)
    tracemalloc.start()
    for hour in range(1, HOURS[-1] + 1):
        gc.collect()
        tracemalloc.reset_peak()
        for _ in range(3_600 * fps):
            watched.take(next(log))
        if hour in HOURS:
            print(f"{hour:>5} {_resident_mb():>12,.1f} {_traced_kb()}", flush=True)
    tracemalloc.stop()


def _traced_kb() -> str:
    _, peak = tracemalloc.get_traced_memory()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    return f"{held / 1_024:>9,.0f} {peak / 1_024:>9,.0f}"


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_KB / 1_024


if __name__ == "__main__":
    main()
