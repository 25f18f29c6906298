"""How the fold's cost grows with people, zones and cameras: tables, and a plot if asked for (needs matplotlib).

python -m benchmarks.fold_growth [docs/images/fold-growth.svg]
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import zones
from benchmarks.fold import fold_seconds, tracker_seconds
from benchmarks.fold_scene import ZONES, Camera, camera, frames, many_zones
from schemas.events import FrameObserved
from stream_processors.runtime.snapshots import dump

FRAMES = 300
ROUNDS = 3
TEAM, CROWD = 8, 46
SLOW_FPS, SLOW_FRAMES = 2, 140  # past a minute, so that one was measured and forgotten


class Table(NamedTuple):
    """What is measured along an axis: a value for each curve at each count."""

    axis: str
    unit: str
    counts: Sequence[int]
    curves: Sequence[str]
    values: Callable[[int], Sequence[float]]


def with_people(people: int) -> list[float]:
    """Of the tracker, the zone part and the fold."""
    log = list(frames(people, FRAMES))
    known = zones.tracked(log)
    return [_us(tracker_seconds, log), _us(zones.seconds, known, ZONES), _us(fold_seconds, log)]


def with_zones(count: int) -> list[float]:
    """Of the zone part, for a team and for a crowd."""
    return [_us(zones.seconds, zones.tracked(list(frames(many, FRAMES))), many_zones(count)) for many in (TEAM, CROWD)]


def with_cameras(count: int) -> list[float]:
    """Of the fold, when so many cameras take turns."""
    cameras, log, size = [camera() for _ in range(count)], list(frames(TEAM, FRAMES)), FRAMES // ROUNDS
    seconds = min(_in_turns(cameras, log[first : first + size]) for first in range(0, FRAMES, size))
    return [1e6 * seconds / size / count]


def memory_of_cameras(count: int) -> list[float]:
    """Of a camera's state in memory, and of its snapshot."""
    log = list(frames(TEAM, SLOW_FRAMES, SLOW_FPS))
    tracemalloc.start()
    cameras = [camera() for _ in range(count)]
    _in_turns(cameras, log)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    snapshot = dump(cameras[0].state, cameras[0].next_position).state
    return [held / count / 1_024, len(snapshot) / 1_024]


TABLES = (
    Table("people", "us a frame, 2 zones and a line", (1, 2, 5, 8, 20, 46, 70, 100), ("tracker", "zone part", "fold"), with_people),
    Table("zones", "us a frame of the zone part", (1, 2, 5, 10, 20, 35, 50), (f"{TEAM} people", f"{CROWD} people"), with_zones),
    Table("cameras", f"us a frame with {TEAM} people", (1, 3, 10, 30, 100), ("fold",), with_cameras),
    Table("cameras", f"kB a camera with {TEAM} people", (1, 10, 100), ("memory", "snapshot"), memory_of_cameras),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, nargs="?", help="where the plot goes")
    image = parser.parse_args(arguments).image
    measured = [(table, [_told(table, count) for count in table.counts]) for table in map(_headed, TABLES)]
    if image is not None:
        plot(measured, image)


def plot(measured: Sequence[tuple[Table, Sequence[Sequence[float]]]], image: Path) -> None:
    """Writes one panel for each table."""
    figure = import_module("matplotlib.figure").Figure(figsize=(9, 6), layout="constrained")
    for axes, (table, rows) in zip(figure.subplots(2, 2).flat, measured, strict=True):
        _panel(axes, table, rows)
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(image, metadata={"Date": None})


def _panel(axes: Any, table: Table, rows: Sequence[Sequence[float]]) -> None:
    for name, values in zip(table.curves, zip(*rows, strict=True), strict=True):
        axes.plot(table.counts, values, marker="o", markersize=3, label=name)
    axes.set(xlabel=table.axis, title=table.unit, xlim=(0, None), ylim=(0, None))
    axes.title.set_fontsize("medium")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)


def _headed(table: Table) -> Table:
    print(f"\n{table.axis:>8}" + "".join(f"{name:>12}" for name in table.curves) + f"   {table.unit}")
    return table


def _told(table: Table, count: int) -> Sequence[float]:
    values = table.values(count)
    print(f"{count:>8}" + "".join(f"{value:>12,.0f}" for value in values), flush=True)
    return values


def _in_turns(cameras: Sequence[Camera], log: Sequence[FrameObserved]) -> float:
    began = time.process_time()
    for frame in log:
        for each in cameras:
            each.take(frame)
    return time.process_time() - began


def _us(seconds: Callable[..., float], *arguments: Any) -> float:
    """Microseconds a frame, the best of some rounds."""
    return 1e6 * min(seconds(*arguments) for _ in range(ROUNDS)) / FRAMES


if __name__ == "__main__":
    main()
