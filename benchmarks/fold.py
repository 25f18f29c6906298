"""How fast the fold of one camera is: tracking, visits, a line and minutes, on one thread, in process time.

Yardsticks in the same run, on the same frames: the tracker alone; supervision's zones beside the zone part; `trackers` ByteTrack
with these zones beside the fold. More: benchmarks.fold_growth, benchmarks.fold_memory.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks import zones, zones_peers
from benchmarks.fold_scene import ZONES, camera, frames, many_zones
from schemas.events import FrameObserved, Zone
from schemas.wire import to_avro
from stream_processors.domain import tracker

FRAMES = 1_500
PEOPLE = (8, 20, 46)
CROWD, MANY = 46, 20
ROUNDS = 3

Seconds = float | None  # None: what would be measured is not installed


def fold_seconds(log: Sequence[FrameObserved], defined: tuple[Zone, ...] = ZONES, *, encode: bool = False) -> float:
    """Process time of folding a log under these zones and a line, optionally with the outputs encoded."""
    watched = camera(defined)
    began = time.process_time()
    for frame in log:
        outputs = watched.take(frame)
        if encode:
            for output in outputs:
                to_avro(output)
    return time.process_time() - began


def tracker_seconds(log: Sequence[FrameObserved]) -> float:
    """Process time of the tracker alone."""
    ready, state = [zones.parsed(frame) for frame in log], tracker.TrackerState.empty()
    began = time.process_time()
    for frame in ready:
        state, _ = tracker.update(state, frame)
    return time.process_time() - began


def best_of(rounds: int, measured: Mapping[str, Callable[[], Seconds]]) -> dict[str, Seconds]:
    """The least seconds of each, taken in turns, so that a busy machine is as unkind to all."""
    taken = [{name: seconds() for name, seconds in measured.items()} for _ in range(rounds)]
    return {name: min(filter(None, (each[name] for each in taken)), default=None) for name in measured}


def measure(people: int) -> dict[str, Seconds]:
    """Seconds of each part for `FRAMES` frames with so many people."""
    log = list(frames(people, FRAMES))
    known = zones.tracked(log)
    return best_of(
        ROUNDS,
        {
            "tracker": lambda: tracker_seconds(log),
            "zones": lambda: zones.seconds(known, ZONES),
            "supervision": lambda: zones_peers.zone_seconds(known, ZONES),
            "fold": lambda: fold_seconds(log),
            "peers": lambda: zones_peers.fold_seconds(log, ZONES),
            "encoded": lambda: fold_seconds(log, encode=True),
        },
    )


def main() -> None:
    """Print the tables."""
    print(f"frames/s, one thread, process time, best of {ROUNDS} rounds taken in turns; 2 zones and a line")
    print(f"{'':>6} {'':>9} | {'zone':>9} {'super-':>9} {'':>6} | {'':>9} {'ByteTrack':>9} {'':>6} | {'fold +':>9}")
    print(f"{'people':>6} {'tracker':>9} | {'part':>9} {'vision':>9} {'times':>6} | {'fold':>9} {'+ zones':>9} {'times':>6} | {'Avro':>9}")  # fmt: skip
    for people in PEOPLE:
        took = measure(people)
        print(
            f"{people:>6} {_rate(took['tracker'])} | {_rate(took['zones'])} {_rate(took['supervision'])}"
            f" {_times(took['supervision'], took['zones'])} | {_rate(took['fold'])} {_rate(took['peers'])}"
            f" {_times(took['peers'], took['fold'])} | {_rate(took['encoded'])}"
        )
    crowd = zones.tracked(list(frames(CROWD, FRAMES)))
    took = best_of(ROUNDS, {"zones": lambda: zones.seconds(crowd, many_zones(MANY))})
    print(f"zone part, {CROWD} people, {MANY} zones: {1e6 * (took['zones'] or 0) / FRAMES:.0f} us a frame")
    if zones_peers.missing():
        print(f"without yardsticks: {zones_peers.missing()}")


def _rate(seconds: Seconds) -> str:
    return f"{'-':>9}" if seconds is None else f"{FRAMES / seconds:>9,.0f}"


def _times(theirs: Seconds, ours: Seconds) -> str:
    return f"{'-':>6}" if theirs is None or ours is None else f"{theirs / ours:>6.1f}"


if __name__ == "__main__":
    main()
