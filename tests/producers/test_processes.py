"""A whole edge in processes: what a killed, hung or stopped process leaves behind."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detectors.errors import DetectorError
from producers.edge import run_edge
from producers.memory import MemoryCameraLog
from producers.settings import EdgeSettings
from schemas.events import CameraStatusChanged, FrameObserved
from schemas.wire import Wire

Read = Callable[[], list[Any]]
EDGE = Path(__file__).parent / "edge_process.py"
HOUSE = Path(__file__).parents[2]
STARTED, OPENED = ("CONNECTING", "STARTED"), ("STREAMING", "OPENED")


class Script(MemoryCameraLog):
    """A log that takes the next step of a script once what it waits for is in the log."""

    def __init__(self, wire: Wire, stop: threading.Event) -> None:
        super().__init__(wire)
        self.steps: list[tuple[Callable[[], bool], Callable[[], None]]] = []
        self.entries: list[Any] = []
        self._stop = stop

    def append(self, entry: Any, headers: Any = None) -> None:
        super().append(entry, headers)
        self.entries.append(entry)
        while self.steps and self.steps[0][0]():
            self.steps.pop(0)[1]()
        if not self.steps:
            self._stop.set()

    def when(self, condition: Callable[[], bool], then: Callable[[], None] = lambda: None) -> None:
        self.steps.append((condition, then))

    def frames(self, camera_id: str) -> list[FrameObserved]:
        return [one for one in self.entries if isinstance(one, FrameObserved) and one.camera_id == camera_id]

    def statuses(self, camera_id: str) -> list[tuple[str, str]]:
        found = [one for one in self.entries if isinstance(one, CameraStatusChanged) and one.camera_id == camera_id]
        return [(one.status, one.reason) for one in found]

    def sessions(self, camera_id: str) -> list[str]:
        return list(dict.fromkeys(frame.session for frame in self.frames(camera_id)))


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def script(wire: Wire, stop: threading.Event) -> Script:
    return Script(wire, stop)


def edge(*cameras: dict[str, Any], **settings: Any) -> EdgeSettings:
    return EdgeSettings.model_validate({"cameras": cameras, **settings})


def process(name: str) -> int:
    """The pid of a process of this edge."""
    (found,) = [child for child in multiprocessing.active_children() if child.name == name]
    assert found.pid is not None
    return found.pid


def kill(name: str, number: int = signal.SIGKILL) -> Callable[[], None]:
    return lambda: os.kill(process(name), number)


def test_recordings_played_fast_arrive_whole_in_order_and_leave_nothing_behind(
    make_video: Callable[..., Path], log: MemoryCameraLog, read: Read
) -> None:
    large, small = make_video(40, size=(320, 240)), make_video(40, name="small.mp4")
    settings = edge(
        {"id": "a", "source": str(large), "realtime": False, "target_fps": 60},
        {"id": "b", "source": str(small), "realtime": False, "target_fps": 60},
    )
    run_edge(settings, log, threading.Event())
    for camera_id in "ab":
        entries = [entry for entry in read() if entry.camera_id == camera_id]
        assert [entry.seq for entry in entries if isinstance(entry, FrameObserved)] == list(range(40))
        statuses = [(each.status, each.reason) for each in entries if isinstance(each, CameraStatusChanged)]
        assert statuses == [STARTED, OPENED, ("STOPPED", "END_OF_STREAM")]
    assert multiprocessing.active_children() == []


@pytest.mark.full  # the short form is in test_soak
def test_a_killed_capture_and_a_killed_detector_come_back_and_the_log_tells_of_both(
    make_video: Callable[..., Path], script: Script, stop: threading.Event
) -> None:
    looped = {"source": str(make_video(100)), "loop": True}
    settings = edge({"id": "a", **looped}, {"id": "b", **looped})
    script.when(lambda: bool(script.frames("a") and script.frames("b")), kill("capture-a"))
    script.when(lambda: ("BACKOFF", "CAPTURE_DIED") in script.statuses("a"))
    script.when(lambda: len(script.sessions("a")) == 2, kill("detection"))
    script.when(lambda: ("BACKOFF", "INFERENCE_DIED") in script.statuses("b"))
    script.when(lambda: len(script.sessions("a")) == 3 and len(script.sessions("b")) == 2)
    run_edge(settings, script, stop)
    assert script.statuses("a") == [
        STARTED, OPENED, ("BACKOFF", "CAPTURE_DIED"),
        STARTED, OPENED, ("BACKOFF", "INFERENCE_DIED"),
        STARTED, OPENED, ("STOPPED", "SHUTDOWN"),
    ]  # fmt: skip
    assert script.statuses("b") == [
        STARTED, OPENED, ("BACKOFF", "INFERENCE_DIED"), STARTED, OPENED, ("STOPPED", "SHUTDOWN"),
    ]  # fmt: skip
    for camera_id in "ab":
        for session in script.sessions(camera_id):
            seqs = [frame.seq for frame in script.frames(camera_id) if frame.session == session]
            assert seqs == list(range(len(seqs)))


def test_a_capture_that_hangs_is_noticed_from_outside_and_replaced(
    rtsp_camera: Any, script: Script, stop: threading.Event
) -> None:
    settings = edge({"id": "a", "source": rtsp_camera.url, "motion_gate": False})
    script.when(lambda: bool(script.frames("a")), kill("capture-a", signal.SIGSTOP))
    script.when(lambda: len(script.sessions("a")) == 2)
    run_edge(settings, script, stop)
    assert ("BACKOFF", "CAPTURE_DIED") in script.statuses("a")


def test_a_model_that_cannot_be_used_ends_the_edge_before_a_camera_is_opened(
    tmp_path: Path, log: MemoryCameraLog
) -> None:
    settings = edge({"id": "a", "source": "webcam:0"}, model=tmp_path / "nowhere.onnx")
    with pytest.raises(DetectorError, match=r"nowhere\.onnx"):
        run_edge(settings, log, threading.Event())
    assert log.records == []
    assert multiprocessing.active_children() == []


def test_when_the_edge_is_killed_its_processes_die_with_it(make_video: Callable[..., Path]) -> None:
    command = [sys.executable, str(EDGE), str(make_video(100))]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as edge_process:
        assert edge_process.stdout is not None
        line = next(line for line in edge_process.stdout if line.startswith("children "))
        ends = [os.pidfd_open(int(pid)) for pid in line.split()[1:]]
        assert len(ends) == 3
        edge_process.kill()
    for end in ends:
        assert select.select([end], [], [], 10)[0], "a process of the edge lives on"
        os.close(end)
