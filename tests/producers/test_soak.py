"""An edge over time, with everything real but the cameras' lenses, while its processes and its broker are killed."""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path

import pytest

from producers.clock import SystemClock
from producers.edge import run_edge
from producers.forwarder import DIRECT_S
from producers.publisher import LogEntry, SpooledCameraLog
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


class Told(SpooledCameraLog):
    """The camera log, which also lets others wait for what is written."""

    def __init__(self, wire: Wire, sender: KafkaSender, path: Path, clock: SystemClock) -> None:
        self.entries: list[LogEntry] = []
        self._news = threading.Condition()
        super().__init__(wire, sender, path, SpoolSettings(), clock)

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        super().append(entry, headers)
        with self._news:
            self.entries.append(entry)
            self._news.notify_all()

    def await_sessions(self, expected: Mapping[str, int]) -> None:
        """Return when frames of so many sessions of each camera are written."""
        with self._news:
            assert self._news.wait_for(lambda: self._sessions() == expected, 120), self._sessions()

    def _sessions(self) -> dict[str, int]:
        seen = {(entry.camera_id, entry.session) for entry in self.entries if isinstance(entry, FrameObserved)}
        return dict(Counter(camera_id for camera_id, _ in seen))


class Soak(threading.Thread):
    """The faults beside an edge, one after the other, each when all is well again; then time, and the scales.

    Args:
        seconds: how long the edge runs after the faults.
        broker: its broker.
        log: its log.
        stop: ends the edge.
    """

    def __init__(self, seconds: float, broker: OwnBroker, log: Told, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.memory: dict[str, list[int]] = defaultdict(list)
        self.finished = False
        self._seconds = seconds
        self._broker = broker
        self._log = log
        self._end = stop

    def run(self) -> None:
        try:
            self._go_wrong()
            self._go_on()
            self.finished = True
        finally:
            self._end.set()

    def _go_wrong(self) -> None:
        cameras = [f"c{number}" for number in range(CAMERAS)]
        self._log.await_sessions(dict.fromkeys(cameras, 1))
        kill("capture-c1")
        self._log.await_sessions(dict.fromkeys(cameras, 1) | {"c1": 2})
        kill("detection")
        self._log.await_sessions(dict.fromkeys(cameras, 2) | {"c1": 3})
        self._broker.kill()
        frames = len(self._log.entries)
        self._end.wait(DIRECT_S)
        assert len(self._log.entries) > frames, "an edge goes on without its broker"
        self._broker.start()

    def _go_on(self) -> None:
        ends_at = time.monotonic() + self._seconds
        while time.monotonic() < ends_at:
            for child in multiprocessing.active_children():
                self.memory[child.name].append(resident_kib(child.pid or 0))
            self.memory["edge"].append(resident_kib(os.getpid()))
            self._end.wait(1)


def soaked(seconds: float, broker: OwnBroker, wire: Wire, folder: Path) -> tuple[list[object], Soak]:
    """What is in the log after all of it, and what the processes weighed at the end."""
    stop = threading.Event()
    topic = new_topic(broker.bootstrap)
    with ExitStack() as stack:
        urls = [stack.enter_context(running_camera()).url for _ in range(CAMERAS)]
        cameras = [{"id": f"c{number}", "source": url, "target_fps": 5} for number, url in enumerate(urls)]
        sender = KafkaSender(kafka_at(broker.bootstrap), topic=topic)
        log = stack.enter_context(closing(Told(wire, sender, folder / "spool.db", SystemClock(stop))))
        soak = Soak(seconds, broker, log, stop)
        soak.start()
        run_edge(EdgeSettings.model_validate({"cameras": cameras}), log, stop)
        soak.join()
        assert soak.finished
        assert log.flush(60) == 0
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
    for camera_id, told in statuses.items():
        died = ["CAPTURE_DIED", "INFERENCE_DIED"] if camera_id == "c1" else ["INFERENCE_DIED"]
        assert [reason for reason in told if reason.endswith("_DIED")] == died
        assert told[-1] == "SHUTDOWN"


def growth_kib(weights: list[int]) -> int:
    """How much heavier at the end than in the middle; one that just began is still growing up."""
    third = len(weights) // 3
    return sorted(weights[-third:])[third // 2] - sorted(weights[third : 2 * third])[third // 2]


@pytest.mark.parametrize(
    ("seconds", "allowed_kib"),
    [(25, 8_192), pytest.param(600, 4_096, marks=[pytest.mark.full, pytest.mark.timeout(900)])],
)
def test_an_edge_loses_nothing_and_gains_no_weight_after_its_processes_and_its_broker_were_killed(
    seconds: int, allowed_kib: int, broker: OwnBroker, wire: Wire, tmp_path: Path
) -> None:
    entries, soak = soaked(seconds, broker, wire, tmp_path)
    check_log(entries)
    check_faults(entries)
    grown = {name: growth_kib(weights) for name, weights in soak.memory.items()}
    assert len(grown) == CAMERAS + 2
    assert max(grown.values()) < allowed_kib, grown
    assert multiprocessing.active_children() == []
