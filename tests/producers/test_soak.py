"""An edge over time, with everything real but the cameras' lenses, while its processes and its broker are killed."""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from producers.clock import SystemClock
from producers.edge import run_edge
from producers.publisher import SpooledCameraLog
from producers.sender import KafkaSender
from producers.settings import EdgeSettings, SpoolSettings
from schemas.events import CameraStatusChanged, FrameObserved, FramesDropped
from schemas.wire import Wire
from tests.producers.own_broker import OwnBroker
from tests.producers.reading import consumed
from tests.producers.rtsp_camera import running_camera
from tests.producers.test_camera_log import kafka_at, new_topic

pytestmark = pytest.mark.integration

CAMERAS = 4


def kill(name: str) -> None:
    (child,) = [child for child in multiprocessing.active_children() if child.name == name]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)


def resident_kib(pid: int) -> int:
    """Private memory of a process: what it would leak."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


class Soak(threading.Thread):
    """The faults and the scales beside an edge: its memory each second, and one fault after the other.

    Args:
        seconds: how long.
        broker: its broker.
        stop: ends the edge.
    """

    def __init__(self, seconds: float, broker: OwnBroker, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.memory: dict[str, list[int]] = defaultdict(list)
        self._seconds = seconds
        self._stop_event = stop
        self._faults: list[tuple[float, Callable[[], None]]] = [
            (0.3, lambda: kill("capture-c1")),
            (0.45, lambda: kill("detection")),
            (0.6, broker.kill),
            (0.75, broker.start),
        ]

    def run(self) -> None:
        try:
            self._go_on()
        finally:
            self._stop_event.set()

    def _go_on(self) -> None:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < self._seconds:
            while self._faults and elapsed >= self._faults[0][0] * self._seconds:
                self._faults.pop(0)[1]()
            self._weigh()
            self._stop_event.wait(1)

    def _weigh(self) -> None:
        for child in multiprocessing.active_children():
            with suppress(FileNotFoundError, ProcessLookupError):  # one that dies meanwhile weighs nothing
                self.memory[f"{child.name} {child.pid}"].append(resident_kib(child.pid or 0))
        self.memory["edge"].append(resident_kib(os.getpid()))


def soaked(seconds: float, broker: OwnBroker, wire: Wire, folder: Path) -> tuple[list[object], Soak]:
    """What is in the log after so long, and what the processes weighed meanwhile."""
    stop = threading.Event()
    topic = new_topic(broker.bootstrap)
    sender = KafkaSender(kafka_at(broker.bootstrap), topic=topic)
    soak = Soak(seconds, broker, stop)
    with ExitStack() as stack:
        cameras = [
            {"id": f"c{number}", "source": stack.enter_context(running_camera()).url, "target_fps": 5}
            for number in range(CAMERAS)
        ]
        log = SpooledCameraLog(wire, sender, folder / "spool.db", SpoolSettings(), SystemClock(stop))
        with closing(log):
            soak.start()
            run_edge(EdgeSettings.model_validate({"cameras": cameras}), log, stop)
            assert log.flush(60) == 0
    soak.join()
    return [wire.decode(value) for _, value, _ in consumed(broker.bootstrap, topic)], soak


def check_log(entries: list[object]) -> None:
    """No hole, no frame unaccounted for, nothing given up, no camera starved."""
    assert [entry for entry in entries if isinstance(entry, FramesDropped)] == []
    frames = [entry for entry in entries if isinstance(entry, FrameObserved)]
    sessions: dict[tuple[str, str], list[FrameObserved]] = defaultdict(list)
    for frame in frames:
        sessions[frame.camera_id, frame.session].append(frame)
    for session in sessions.values():
        assert [frame.seq for frame in session] == list(range(len(session)))
        assert all(later.observed_at > earlier.observed_at for earlier, later in pairwise(session))
        for earlier, later in pairwise(session):
            assert all(later.skipped.get(reason, 0) >= count for reason, count in earlier.skipped.items())
    shares = Counter(frame.camera_id for frame in frames)
    assert len(shares) == CAMERAS
    assert max(shares.values()) <= 2 * min(shares.values()), shares


def check_faults(entries: list[object]) -> None:
    """Each camera was away when its process or the detector's was killed, and ends with a goodbye."""
    statuses: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, CameraStatusChanged):
            statuses[entry.camera_id].append(entry.reason)
    assert "CAPTURE_DIED" in statuses["c1"]
    assert all("INFERENCE_DIED" in told for told in statuses.values())
    assert {told[-1] for told in statuses.values()} == {"SHUTDOWN"}


def growth_kib(weights: list[int]) -> int:
    """How much heavier at the end than in the middle; one that just began is still growing up."""
    third = len(weights) // 3
    return sorted(weights[-third:])[third // 2] - sorted(weights[third : 2 * third])[third // 2]


@pytest.mark.parametrize(
    ("seconds", "allowed_kib"),
    [(40, 8_192), pytest.param(600, 4_096, marks=[pytest.mark.full, pytest.mark.timeout(900)])],
)
def test_an_edge_loses_nothing_and_gains_no_weight_while_its_processes_and_its_broker_are_killed(
    seconds: int, allowed_kib: int, broker: OwnBroker, wire: Wire, tmp_path: Path
) -> None:
    entries, soak = soaked(seconds, broker, wire, tmp_path)
    check_log(entries)
    check_faults(entries)
    grown = {name: growth_kib(weights) for name, weights in soak.memory.items() if len(weights) >= seconds // 4}
    assert grown
    assert max(grown.values()) < allowed_kib, grown
    assert multiprocessing.active_children() == []
