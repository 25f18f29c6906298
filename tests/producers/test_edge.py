"""A whole edge with a scripted detector: real threads, real files, a log in memory."""

import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.detector import Detections
from detectors.errors import ModelNotFoundError
from detectors.scripted import ScriptedDetector
from producers.clock import Clock
from producers.edge import CamerasFailedError, run_edge
from producers.memory import MemoryCameraLog
from producers.settings import CameraSettings, EdgeSettings
from producers.sources.factory import make_source
from producers.sources.file import FileSource
from producers.sources.memory import MemorySource
from producers.sources.rtsp import RtspSource
from producers.sources.source import FrameSource
from producers.sources.webcam import WebcamSource
from schemas.events import (
    CameraConfigured,
    CameraStatusChanged,
    EdgeConfigurationReported,
    FrameObserved,
    Position,
)

Read = Callable[[], list[Any]]
ONE_PERSON = Detections.of([[1, 2, 30, 40, 0.9]])
STARTED, OPENED = ("CONNECTING", "STARTED"), ("STREAMING", "OPENED")
PICTURE = np.zeros((48, 64, 3), dtype=np.uint8)


def edge(*cameras: dict[str, Any], **settings: Any) -> EdgeSettings:
    return EdgeSettings.model_validate({"cameras": cameras, "isolation": "thread", **settings})


def detector() -> ScriptedDetector:
    return ScriptedDetector([ONE_PERSON])


def of(camera_id: str, entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if entry.camera_id == camera_id]


def statuses(entries: list[Any]) -> list[tuple[str, str]]:
    return [(entry.status, entry.reason) for entry in entries if isinstance(entry, CameraStatusChanged)]


def test_every_frame_of_a_recording_played_fast_is_in_the_log(
    make_video: Callable[..., Path], log: MemoryCameraLog, read: Read
) -> None:
    video = str(make_video(12))
    fast = {"source": video, "realtime": False}
    run_edge(edge({"id": "a", **fast}, {"id": "b", **fast}), log, threading.Event(), detector=detector())
    for camera_id in ("a", "b"):
        entries = of(camera_id, read())
        frames = entries[2:-1]
        assert all(isinstance(frame, FrameObserved) for frame in frames)
        assert [frame.seq for frame in frames] == list(range(12))
        assert len({frame.session for frame in frames}) == 1
        assert statuses(entries) == [STARTED, OPENED, ("STOPPED", "END_OF_STREAM")]


class StopsAfter(MemoryCameraLog):
    """Asks the edge to stop once it holds so many records."""

    def __init__(self, log: MemoryCameraLog, stop: threading.Event, records: int) -> None:
        super().__init__(log._wire)
        self.records = log.records
        self._stop, self._enough = stop, records

    def append(self, entry: Any, headers: Any = None) -> None:
        super().append(entry, headers)
        if len(self.records) >= self._enough:
            self._stop.set()


def test_a_stopped_edge_ends_with_a_last_word_of_each_camera(
    make_video: Callable[..., Path], log: MemoryCameraLog, read: Read
) -> None:
    looped = {"source": str(make_video(5, fps=25)), "loop": True, "target_fps": 25}
    stop = threading.Event()
    run_edge(edge({"id": "a", **looped}, {"id": "b", **looped}), StopsAfter(log, stop, 40), stop, detector=detector())
    for camera_id in ("a", "b"):
        entries = of(camera_id, read())
        assert statuses(entries) == [STARTED, OPENED, ("STOPPED", "SHUTDOWN")]
        times = [entry.observed_at for entry in entries if isinstance(entry, FrameObserved)]
        assert all(later > earlier for earlier, later in pairwise(times))
        assert len({entry.session for entry in entries if isinstance(entry, FrameObserved)}) > 1


def test_an_unusable_source_is_reported_by_name_and_does_not_stop_the_others(
    make_video: Callable[..., Path], tmp_path: Path, log: MemoryCameraLog, read: Read
) -> None:
    settings = edge(
        {"id": "good", "source": str(make_video(5)), "realtime": False},
        {"id": "bad", "source": str(tmp_path / "nowhere.mp4")},
    )
    with pytest.raises(CamerasFailedError, match=r"bad: cannot read video file .*nowhere\.mp4: no such file"):
        run_edge(settings, log, threading.Event(), detector=detector())
    assert statuses(of("bad", read())) == [STARTED, ("STOPPED", "NOT_FOUND")]
    assert Counter(type(entry) for entry in of("good", read()))[FrameObserved] == 5


def test_a_model_that_is_not_there_stops_the_edge_before_a_camera_is_opened(
    tmp_path: Path, log: MemoryCameraLog
) -> None:
    settings = edge({"id": "a", "source": "webcam:0"}, model=tmp_path / "nowhere.onnx")
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.onnx"):
        run_edge(settings, log, threading.Event())
    assert log.records == []


def test_an_unreachable_camera_is_retried_and_its_password_is_nowhere(
    closed_port: int, log: MemoryCameraLog, read: Read, capfd: pytest.CaptureFixture[str]
) -> None:
    stop = threading.Event()
    settings = edge({"id": "a", "source": f"rtsp://admin:open-sesame@127.0.0.1:{closed_port}/live"})
    run_edge(settings, StopsAfter(log, stop, 2), stop, detector=detector())
    _, lost, stopped = read()
    assert (lost.status, lost.reason, lost.detail) == (
        "BACKOFF", "REFUSED", f"rtsp://127.0.0.1:{closed_port}: connection refused",
    )  # fmt: skip
    assert (stopped.status, stopped.reason) == ("STOPPED", "SHUTDOWN")
    printed = capfd.readouterr()
    assert "open-sesame" not in printed.out + printed.err + str(log.records)


def test_a_camera_that_dies_comes_back_with_a_new_session(
    fragile_camera: Any, log: MemoryCameraLog, read: Read
) -> None:
    stop = threading.Event()

    class Script(StopsAfter):
        """Restarts the camera after some frames, and stops the edge some frames after it is back."""

        restarted = False

        def append(self, entry: Any, headers: Any = None) -> None:
            super().append(entry, headers)
            if len(self.records) == 5 and not self.restarted:
                self.restarted = True
                fragile_camera.restart()
            sessions = {one.session for one in read() if isinstance(one, FrameObserved)}
            if len(sessions) > 1:
                stop.set()

    run_edge(edge({"id": "a", "source": fragile_camera.url}), Script(log, stop, 10_000), stop, detector=detector())
    told = statuses(read())
    assert told[told.index(OPENED) + 1][0] in {"BACKOFF", "STALLED"}
    assert told[-2:] == [OPENED, ("STOPPED", "SHUTDOWN")]


class BugError(RuntimeError):
    """A bug, for the tests."""


def test_a_bug_in_the_detector_ends_the_edge_and_its_capture_threads(log: MemoryCameraLog) -> None:
    class BrokenDetector(ScriptedDetector):
        def detect(self, images: Any) -> list[Detections]:  # noqa: ARG002 - it never looks
            raise BugError

    def endless(_camera: CameraSettings, clock: Clock) -> FrameSource:
        return MemorySource([[PICTURE] * 100_000], clock)

    with pytest.raises(BugError):
        run_edge(
            edge({"id": "a", "source": "webcam:0"}),
            log,
            threading.Event(),
            detector=BrokenDetector([ONE_PERSON]),
            make_source=endless,
        )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("edge")]


def test_a_bug_in_one_capture_ends_the_edge(log: MemoryCameraLog) -> None:
    class BrokenSource(MemorySource):
        def read(self) -> Any:
            raise BugError

    def source(camera: CameraSettings, clock: Clock) -> FrameSource:
        if camera.id == "bad":
            return BrokenSource([[PICTURE]], clock)
        return MemorySource([[PICTURE] * 1_000_000], clock, live=True, interval_s=0.01)

    with pytest.raises(BugError):
        run_edge(
            edge({"id": "bad", "source": "webcam:0"}, {"id": "good", "source": "webcam:1"}),
            log,
            threading.Event(),
            detector=detector(),
            make_source=source,
        )


def test_the_source_setting_chooses_the_kind_of_source(clock: Clock) -> None:

    kinds = {"video.mp4": FileSource, "file:/v.mp4": FileSource, "rtsp://cam/x": RtspSource, "webcam:1": WebcamSource}
    for text, kind in kinds.items():
        camera = CameraSettings.model_validate({"id": "a", "source": text})
        assert isinstance(make_source(camera, clock), kind)


class Plane(MemoryCameraLog):
    """A control plane that says the next thing once what it waits for is in the log, and stops the edge at the end."""

    def __init__(self, log: MemoryCameraLog, stop: threading.Event, read: Read) -> None:
        super().__init__(log._wire)
        self.records = log.records
        self.known: dict[str, CameraConfigured] = {}
        self.steps: list[tuple[Callable[[list[Any]], bool], CameraConfigured | None]] = []
        self._stop, self._read = stop, read

    def append(self, entry: Any, headers: Any = None) -> None:
        super().append(entry, headers)
        if self.steps and self.steps[0][0](self._read()):
            _, said = self.steps.pop(0)
            if said is None:
                self._stop.set()
            else:
                self.known = {**self.known, said.camera_id: said}


def configured(camera_id: str, revision: int, **fields: Any) -> CameraConfigured:
    position = Position(epoch=0, partition=0, offset=revision, index=0)
    return CameraConfigured(
        position=position, camera_id=camera_id, command_id="c", revision=revision, effective_at=0, **fields
    )


def frames(camera_id: str, entries: list[Any]) -> int:
    return sum(isinstance(entry, FrameObserved) and entry.camera_id == camera_id for entry in entries)


def last_status(camera_id: str, entries: list[Any]) -> tuple[str, str] | None:
    found = statuses(of(camera_id, entries))
    return found[-1] if found else None


def test_cameras_are_added_changed_and_disabled_from_afar_without_touching_the_others(
    log: MemoryCameraLog, read: Read
) -> None:
    stop = threading.Event()
    plane = Plane(log, stop, read)
    plane.steps = [
        (lambda entries: frames("own", entries) >= 3, configured("new", 1, source="webcam:1")),
        (lambda entries: frames("new", entries) >= 3, configured("new", 2, source="rtsp://a:b@c/d")),
        (lambda entries: bool(reports(entries)[1:]), configured("new", 3, source="webcam:1", target_fps=4.0)),
        (lambda entries: bool(reports(entries)[2:]) and sessions("new", entries) == 2, configured("new", 4, enabled=False)),
        (lambda entries: last_status("new", entries) == ("STOPPED", "SHUTDOWN") and bool(reports(entries)[3:]), None),
    ]  # fmt: skip

    def endless(_camera: CameraSettings, clock: Clock) -> FrameSource:
        return MemorySource([[PICTURE] * 1_000_000], clock, live=True, interval_s=0.02)

    run_edge(
        edge({"id": "own", "source": "webcam:0"}),
        plane,
        stop,
        remote=lambda: plane.known,
        detector=detector(),
        make_source=endless,
    )
    told = reports(read())
    assert [(each.revision, bool(each.error)) for each in told] == [(1, False), (2, True), (3, False), (4, False)]
    assert "the address holds a password" in told[1].error
    assert "a:b" not in told[1].error
    assert statuses(of("own", read())) == [STARTED, OPENED, ("STOPPED", "SHUTDOWN")]
    assert sessions("own", read()) == 1


def reports(entries: list[Any]) -> list[EdgeConfigurationReported]:
    return [entry for entry in entries if isinstance(entry, EdgeConfigurationReported)]


def sessions(camera_id: str, entries: list[Any]) -> int:
    return len({entry.session for entry in of(camera_id, entries) if isinstance(entry, FrameObserved)})
