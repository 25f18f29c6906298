from pathlib import Path

import numpy as np
import pytest

from detectors.detector import Detections
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


@pytest.mark.parametrize(("name", "extra"), [("yolo11n.pt", "ultralytics"), ("yolo11n.engine", "tensorrt")])
def test_a_model_kind_not_read_yet_names_its_extra_and_the_way_out(name: str, extra: str) -> None:
    with pytest.raises(BackendUnavailableError, match=rf"aforo\[{extra}\].*not read them yet.*format=onnx"):
        load_detector(Path(name))


def test_an_unknown_kind_of_model_is_refused() -> None:
    with pytest.raises(BackendUnavailableError, match=r"ends in \.onnx, not '\.tflite'"):
        load_detector(Path("model.tflite"))


def test_a_script_is_played_frame_by_frame_and_again_without_what_lies_below_the_floor() -> None:
    first, second = Detections.of([[0, 0, 1, 1, 0.9], [0, 0, 2, 2, 0.05]]), Detections.of([])
    detector = ScriptedDetector([first, second])
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    assert [len(found) for found in detector.detect([image] * 3)] == [1, 0, 1]
