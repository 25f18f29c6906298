"""How long a frame takes through the real cameras app: from its append to the camera log to that of its tracks.

Both moments are the broker's, in whole milliseconds, so what is measured is the worker's part and nothing of the clients'.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.installation import Cameras, Installation, installed
from schemas.events import TracksObserved
from schemas.topics import CAMERA_LOG, TRACKS

CAMERAS, FPS = 4, 15
WARM_UP_S = 10.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args(arguments).seconds
    with installed() as installation:
        installation.start("cameras", "process", "cameras")
        cameras = Cameras(installation, [f"camera-{number}" for number in range(CAMERAS)], FPS)
        cameras.define_zones()
        installation.caught_up(database=False)
        cameras.film(WARM_UP_S + seconds)
        installation.caught_up(database=False)
        found = latencies_ms(installation)[round(WARM_UP_S * FPS * CAMERAS) :]
    print(f"camera log -> tracks, {CAMERAS} cameras x {FPS} frames/s, {len(found):,} frames")
    print(f"{'p50 ms':>8} {'p90 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    print(" ".join(f"{each:8,.0f}" for each in np.percentile(found, [50, 90, 99, 100])))


def latencies_ms(installation: Installation) -> npt.NDArray[np.int64]:
    """Of every frame that was folded, in the order of their appends."""
    appended = {(each.partition, each.offset): each.appended_at for each in installation.whole(CAMERA_LOG)}
    pairs = []
    for each in installation.whole(TRACKS):
        event = installation.wire.decode(each.value)
        if isinstance(event, TracksObserved):
            began = appended[event.position.partition, event.position.offset]
            pairs.append((began, each.appended_at - began))
    return np.array(sorted(pairs), dtype=np.int64)[:, 1]


if __name__ == "__main__":
    main()
