"""From results to what stands in the log: numbers without holes, every frame accounted for, every end told."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from detectors.detector import Detections
from detectors.scripted import ScriptedDetector
from producers.handover import SkipReason
from producers.inference import looked
from producers.memory import MemoryCameraLog
from producers.recorder import Recorder
from producers.results import CaptureEnded, LoadReported, Looked, Pictured
from schemas.events import CameraStatusChanged, EdgeStatus, FrameObserved
from schemas.registry import MemoryRegistry
from schemas.wire import Wire
from tests.producers.clocks import ManualClock
from tests.producers.frames import captured

Read = Callable[[], list[Any]]
DETECTOR = ScriptedDetector([Detections.of([])])
REASONS: tuple[SkipReason, ...] = ("rate", "load", "gate")


def seen(
    number: int, *, camera_id: str = "cam", session: str = "s", detector_ms: float | None = 12.5, **skipped: int
) -> Looked:
    frame = captured(camera_id, number, session=session, skipped=skipped)  # type: ignore[arg-type]  # test data
    return looked(frame, Detections.of([]), detector_ms, DETECTOR)


def status(status: EdgeStatus, reason: str = "OTHER", camera_id: str = "cam") -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=camera_id, changed_at=1, status=status, reason=reason)


@pytest.fixture
def recorder(log: MemoryCameraLog, clock: Any) -> Recorder:
    return Recorder(log, clock, lambda _: None)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_frames_are_numbered_without_holes_and_those_that_went_stale_are_counted(
    recorder: Recorder, read: Read
) -> None:
    for number in (0, 1, 5, 6, 9):
        recorder.record(seen(number))
    assert [(entry.seq, entry.skipped) for entry in read()] == [
        (0, {}), (1, {}), (2, {"stale": 3}), (3, {"stale": 3}), (4, {"stale": 5}),
    ]  # fmt: skip


def test_numbers_begin_anew_with_each_session_and_are_each_cameras_own(recorder: Recorder, read: Read) -> None:
    for number, session, camera_id in [(0, "s", "a"), (1, "s", "a"), (0, "u", "b"), (2, "t", "a"), (3, "t", "a")]:
        recorder.record(seen(number, session=session, camera_id=camera_id))
    assert [(entry.camera_id, entry.session, entry.seq) for entry in read()] == [
        ("a", "s", 0), ("a", "s", 1), ("b", "u", 0), ("a", "t", 0), ("a", "t", 1),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.fixed_dictionaries(dict.fromkeys(REASONS, st.integers(0, 5)))), max_size=30
    )
)
def test_every_frame_that_was_read_is_in_the_log_or_counted_there(steps: list[tuple[int, dict[str, int]]]) -> None:
    log = MemoryCameraLog(Wire(MemoryRegistry()))
    recorder = Recorder(log, ManualClock(), lambda _: None)
    number, skipped, read_frames = -1, dict.fromkeys(REASONS, 0), 0
    for stale, more in steps:
        number += stale + 1
        skipped = {reason: skipped[reason] + more[reason] for reason in REASONS}
        read_frames += stale + 1 + sum(more.values())
        recorder.record(seen(number, rate=skipped["rate"], load=skipped["load"], gate=skipped["gate"]))
        entry = Wire.decode(log._wire, log.records[-1][1])
        assert isinstance(entry, FrameObserved)
        assert entry.seq + 1 + sum(entry.skipped.values()) == read_frames


def test_a_frame_carries_the_detectors_own_time_and_a_gated_one_none(recorder: Recorder, log: MemoryCameraLog) -> None:
    recorder.record(seen(0, detector_ms=12.5))
    recorder.record(seen(1, detector_ms=None))
    assert [headers for _, _, headers in log.records] == [{"detector-ms": b"12.500"}, {}]


def test_skipped_frames_are_measured_once(recorder: Recorder) -> None:
    before = metric("aforo_edge_skipped_total", camera="m", reason="rate")
    stale = metric("aforo_edge_skipped_total", camera="m", reason="stale")
    for number, rate in [(0, 2), (3, 5), (4, 5)]:
        recorder.record(seen(number, camera_id="m", rate=rate))
    recorder.record(seen(1, camera_id="m", session="next", rate=4))
    assert metric("aforo_edge_skipped_total", camera="m", reason="rate") - before == 5 + 4
    assert metric("aforo_edge_skipped_total", camera="m", reason="stale") - stale == 2 + 1


@pytest.mark.parametrize("last", ["CONNECTING", "STREAMING", "STALLED"])
def test_a_capture_that_dies_leaves_a_camera_that_is_away(recorder: Recorder, read: Read, last: EdgeStatus) -> None:
    recorder.record(status(last))
    recorder.record(CaptureEnded(camera_id="cam"))
    assert [(entry.status, entry.reason) for entry in read()[1:]] == [("BACKOFF", "CAPTURE_DIED")]


@pytest.mark.parametrize("last", ["STOPPED", "BACKOFF"])
def test_a_capture_that_has_said_it_adds_nothing(recorder: Recorder, read: Read, last: EdgeStatus) -> None:
    recorder.record(status(last))
    recorder.record(CaptureEnded(camera_id="cam"))
    assert len(read()) == 1


def test_a_detector_that_dies_takes_every_camera_with_it(recorder: Recorder, read: Read) -> None:
    for camera_id in "abc":
        recorder.record(status("STREAMING", camera_id=camera_id))
    recorder.record(status("STOPPED", "SHUTDOWN", camera_id="b"))
    recorder.inference_died()
    assert [(entry.camera_id, entry.status, entry.reason) for entry in read()[4:]] == [
        ("a", "BACKOFF", "INFERENCE_DIED"), ("c", "BACKOFF", "INFERENCE_DIED"),
    ]  # fmt: skip


def test_the_status_is_measured(recorder: Recorder) -> None:
    lost = metric("aforo_edge_source_lost_total", camera="m", reason="TIMEOUT")
    recorder.record(status("STREAMING", camera_id="m"))
    assert metric("aforo_edge_streaming", camera="m") == 1
    recorder.record(status("STALLED", "TIMEOUT", camera_id="m"))
    assert metric("aforo_edge_streaming", camera="m") == 0
    assert metric("aforo_edge_source_lost_total", camera="m", reason="TIMEOUT") - lost == 1
    assert recorder.statuses["m"].status == "STALLED"


def test_the_load_is_measured(recorder: Recorder) -> None:
    recorder.record(status("STREAMING", camera_id="m"))
    recorder.record(LoadReported(cap_fps=3.5, resting=("m",)))
    assert metric("aforo_edge_fps_cap") == 3.5
    assert metric("aforo_edge_resting", camera="m") == 1
    recorder.record(LoadReported(cap_fps=60, resting=()))
    assert metric("aforo_edge_fps_cap") == 60
    assert metric("aforo_edge_resting", camera="m") == 0


def test_pictures_go_to_those_who_look_and_not_into_the_log(log: MemoryCameraLog, clock: Any) -> None:
    pictures: list[Pictured] = []
    picture = Pictured(camera_id="cam", observed_at=1, width=1, height=1, image=b"abc", boxes=b"", scores=b"")
    Recorder(log, clock, pictures.append).record(picture)
    assert pictures == [picture]
    assert log.records == []
