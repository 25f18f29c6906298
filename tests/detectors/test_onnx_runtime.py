import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from detectors.errors import ModelLayoutError, ModelNotFoundError, ModelUnreadableError, ScoreContractError
from detectors.onnx_runtime import OnnxDetector
from detectors.scores import DEFAULT_SCORES

MakeModel = Callable[..., Path]
IMAGE = np.zeros((96, 128, 3), dtype=np.uint8)  # 128 x 96 in 64 x 64: half the size, 8 rows of padding on top


def candidates_output() -> np.ndarray:
    output = np.zeros((1, 5, 100), dtype=np.float32)
    output[0, :, 0] = [32, 32, 10, 20, 0.9]
    return output


def final_output() -> np.ndarray:
    output = np.zeros((1, 300, 6), dtype=np.float32)
    output[0, 0] = [27, 22, 37, 42, 0.9, 0]
    return output


@pytest.mark.parametrize("output", [candidates_output(), final_output()], ids=["candidates", "final"])
def test_both_layouts_give_boxes_in_pixels_of_the_image(make_model: MakeModel, output: np.ndarray) -> None:
    (found,) = OnnxDetector(make_model(output)).detect([IMAGE])
    np.testing.assert_allclose(found.boxes, [[54, 28, 74, 68]])
    np.testing.assert_allclose(found.scores, [0.9])
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_a_batch_of_images_of_different_sizes_gives_one_answer_each_in_order(make_model: MakeModel) -> None:
    detector = OnnxDetector(make_model(candidates_output()))
    large, small = detector.detect([IMAGE, np.zeros((64, 64, 3), dtype=np.uint8)])
    np.testing.assert_allclose(large.boxes, [[54, 28, 74, 68]])
    np.testing.assert_allclose(small.boxes, [[27, 22, 37, 42]])
    assert detector.detect([]) == []


def test_the_person_class_is_found_by_its_name(make_model: MakeModel) -> None:
    output = np.zeros((1, 6, 100), dtype=np.float32)
    output[0, :, 0] = [32, 32, 10, 20, 0.9, 0.2]
    output[0, :, 1] = [10, 10, 10, 10, 0.0, 0.8]
    model = make_model(output, metadata={"names": "{0: 'dog', 1: 'person'}"})
    (found,) = OnnxDetector(model).detect([np.zeros((64, 64, 3), dtype=np.uint8)])
    np.testing.assert_allclose(found.scores, [0.8, 0.2])


def test_a_dynamic_input_takes_its_size_from_the_metadata(make_model: MakeModel) -> None:
    model = make_model(
        candidates_output(), input_shape=("batch", 3, "height", "width"), metadata={"imgsz": "[192, 320]"}
    )
    detector = OnnxDetector(model)
    assert (detector.input_width, detector.input_height) == (320, 192)


def test_the_name_carries_a_hash_of_the_file(make_model: MakeModel) -> None:
    model = make_model(candidates_output(), name="yolo")
    assert OnnxDetector(model).name == f"yolo@{hashlib.sha256(model.read_bytes()).hexdigest()[:8]}"


def test_thresholds_beside_the_model_are_its_own(make_model: MakeModel) -> None:
    model = make_model(candidates_output())
    assert OnnxDetector(model).scores == DEFAULT_SCORES
    contract = {"floor": 0.95, "high": 0.96, "birth": 0.97, "low_only_ms": 10}
    model.with_suffix(".scores.json").write_text(json.dumps(contract))
    detector = OnnxDetector(model)
    assert detector.scores.birth == 0.97
    assert len(detector.detect([IMAGE])[0]) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}", "floor"),
        ('{"floor": 0.5, "high": 0.4, "birth": 0.6, "low_only_ms": 1}', "floor <= high <= birth"),
        ('{"floor": 0.1, "high": 0.4, "birth": 0.6, "low_only_ms": 1, "ceiling": 1}', "ceiling"),
        ('{"floor": "low", "high": 0.4, "birth": 0.6, "low_only_ms": 1}', "floor"),
        ('{"floor": 0.1, "high": 0.4, "birth": 0.6, "low_only_ms": -1}', "low_only_ms"),
        ("no json", "malformed"),
    ],
)
def test_malformed_thresholds_are_refused_by_file_and_cause(make_model: MakeModel, text: str, why: str) -> None:
    model = make_model(candidates_output())
    model.with_suffix(".scores.json").write_text(text)
    with pytest.raises(ScoreContractError, match=why) as raised:
        OnnxDetector(model)
    assert "tiny.scores.json" in str(raised.value)


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        ({"output": np.zeros((1, 100, 85))}, r"\[1, 100, 85\]"),
        ({"output": np.zeros((1, 1000))}, r"\[1, 1000\]"),
        ({"output": candidates_output(), "outputs": 2}, "1 inputs and 2 outputs"),
        ({"output": candidates_output(), "input_shape": (4, 3, 64, 64)}, "fixed batch of 4"),
        ({"output": candidates_output(), "input_shape": (1, 1, 64, 64)}, r"expected \[N, 3, H, W\]"),
        ({"output": candidates_output(), "input_type": TensorProto.UINT8}, "tensor\\(uint8\\)"),
        ({"output": candidates_output(), "metadata": {"names": "{0: 'dog'}"}}, "no class is called 'person'"),
        ({"output": candidates_output(), "metadata": {"names": "no literal"}}, "no Python literal"),
    ],
)
def test_a_model_of_another_layout_is_refused_with_file_and_cause(
    make_model: MakeModel, faults: dict[str, object], why: str
) -> None:
    model = make_model(**faults)
    with pytest.raises(ModelLayoutError, match=why) as raised:
        OnnxDetector(model)
    assert str(model) in str(raised.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.onnx"):
        OnnxDetector(tmp_path / "nowhere.onnx")


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("this is no model")
    with pytest.raises(ModelUnreadableError, match=r"text\.onnx is no ONNX model"):
        OnnxDetector(path)
