import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from detectors.detector import Detections
from detectors.device import Device
from detectors.errors import BackendUnavailableError
from detectors.factory import DEFAULT_MODEL, load_detector
from detectors.scores import ScoreContract
from detectors.scripted import ScriptedDetector


def test_without_a_path_the_packaged_nanodet_is_loaded_with_its_own_thresholds() -> None:
    detector = load_detector()
    assert detector.name.startswith("nanodet-g-416-person-int8@")
    assert detector.scores == ScoreContract(floor=0.35, high=0.5, birth=0.6, low_only_ms=1_000)


def test_the_packaged_nanodet_sees_nobody_in_an_empty_picture() -> None:
    (found,) = load_detector().detect([np.full((576, 768, 3), 114, dtype=np.uint8)])
    assert len(found) == 0


def test_the_packaged_model_comes_with_its_notice() -> None:
    notice = (DEFAULT_MODEL.parent / "NOTICE").read_text()
    assert DEFAULT_MODEL.name in notice
    assert "Apache License 2.0" in notice
    assert "MIT License" in notice


def test_a_pt_file_without_ultralytics_names_its_extra_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yolo11n.pt").write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(BackendUnavailableError, match=r"aforo\[ultralytics\].*\.onnx export"):
        load_detector(tmp_path / "yolo11n.pt")


def test_an_unknown_kind_of_model_is_refused() -> None:
    with pytest.raises(BackendUnavailableError, match=r"ends in \.onnx, \.engine or \.pt, not '\.tflite'"):
        load_detector(Path("model.tflite"))


@pytest.mark.parametrize(("name", "device"), [("yolo11n.pt", "openvino"), ("yolo11n.engine", "cpu")])
def test_a_device_that_cannot_run_a_file_is_refused_before_the_file_is_read(name: str, device: Device) -> None:
    with pytest.raises(BackendUnavailableError, match=rf"do not run on device '{device}'"):
        load_detector(Path(name), device=device)


def test_cuda_without_its_runtime_is_refused_and_auto_takes_the_cpu() -> None:
    assert "CUDAExecutionProvider" not in onnxruntime.get_available_providers()
    with pytest.raises(BackendUnavailableError, match="onnxruntime-gpu"):
        load_detector(device="cuda")
    assert load_detector(device="auto").max_batch == 1


def test_a_script_is_played_frame_by_frame_and_again_without_what_lies_below_the_floor() -> None:
    first, second = Detections.of([[0, 0, 1, 1, 0.9], [0, 0, 2, 2, 0.05]]), Detections.of([])
    detector = ScriptedDetector([first, second])
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    assert [len(found) for found in detector.detect([image] * 3)] == [1, 0, 1]
