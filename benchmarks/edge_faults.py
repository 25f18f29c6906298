"""How long an edge takes to notice and to recover: a camera that restarts or falls silent, a broker that is away."""

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from benchmarks.edge_site import Site, site
from producers.publisher import LogEntry
from schemas.events import CameraStatusChanged, FrameObserved

_POLL_S = 0.01
_ROUNDS = 5
_RUNNING_S = 5.0


def reconnect() -> None:
    """A camera killed and started again, and one that is frozen, several times each."""
    back: list[float] = []
    noticed: list[float] = []

    def script(running: Site) -> None:
        _await(running, _is_frame)
        for _ in range(_ROUNDS):
            running.cameras[0].kill()
            _await(running, _is_away)
            time.sleep(_RUNNING_S)
            running.cameras[0].start()
            back.append(_await(running, _is_frame))
        for _ in range(_ROUNDS):
            running.cameras[0].freeze()
            noticed.append(_await(running, _is_away))
            running.cameras[0].kill()
            running.cameras[0].start()
            _await(running, _is_frame)
        running.stop.set()

    with site(1) as running:
        running.run(5, lambda: script(running))
    print(f"\nreconnect after the server is back: {_range(back)} s")
    print(f"a silent camera is noticed after: {_range(noticed)} s")


def outage(*, cameras: int, target_fps: float, seconds: float) -> None:
    """A broker killed and started again while cameras stream."""
    drained: list[float] = []
    broker_s: list[float] = []

    def script(running: Site) -> None:
        for _ in range(cameras):
            _await(running, _is_frame)
        time.sleep(2 * _RUNNING_S)
        running.kill_broker()
        time.sleep(seconds)
        begun = time.monotonic()
        running.start_broker()
        broker_s.append(time.monotonic() - begun)
        begun = time.monotonic()
        while running.backlog() > target_fps * cameras:  # a second's worth is always on its way
            time.sleep(_POLL_S)
        drained.append(time.monotonic() - begun)
        time.sleep(_RUNNING_S)
        running.stop.set()

    with site(cameras) as running:
        running.run(target_fps, lambda: script(running))
        written = [record for _, record in running.told if isinstance(record, FrameObserved)]
        arrived = [each.record for each in running.appended() if isinstance(each.record, FrameObserved)]
    lost = {_key(frame) for frame in written} - {_key(frame) for frame in arrived}
    print(f"\nbroker away for {seconds:g} s, and {broker_s[0]:.0f} s more to start, with {cameras} cameras:")
    print(f"  frames written {len(written):,}, lost {len(lost)}, reordered {_reordered(arrived)}", end=", ")
    print(f"twice {len(arrived) - len({_key(frame) for frame in arrived})}")
    print(f"  drained {drained[0]:.1f} s after it served again")


def _key(frame: FrameObserved) -> tuple[str, str, int]:
    return frame.camera_id, frame.session, frame.seq


def _reordered(frames: list[FrameObserved]) -> int:
    cameras: dict[str, list[int]] = defaultdict(list)
    for frame in frames:
        cameras[frame.camera_id].append(frame.observed_at)
    return sum(later < earlier for moments in cameras.values() for earlier, later in pairwise(moments))


def _is_frame(entry: LogEntry) -> bool:
    return isinstance(entry, FrameObserved)


def _is_away(entry: LogEntry) -> bool:
    return isinstance(entry, CameraStatusChanged) and entry.status in {"STALLED", "BACKOFF"}


def _await(running: Site, wanted: Callable[[LogEntry], bool]) -> float:
    """Seconds until something of the kind is written, from now on."""
    begun, seen = time.monotonic(), len(running.told)
    while True:
        for moment, entry in running.told[seen:]:
            seen += 1
            if wanted(entry):
                return moment - begun
        time.sleep(_POLL_S)


def _range(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}"
