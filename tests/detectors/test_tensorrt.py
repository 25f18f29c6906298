"""What surrounds TensorRT, without a GPU: engine files, which engine fits, batches, and the way back to ONNX.

The calls into TensorRT and CUDA meet stand-ins that run the same ONNX file; real engines are `aforo edge selftest`'s affair.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from detectors import engine_cache, engine_file
from detectors.detector import Detector
from detectors.engine_cache import EngineKey
from detectors.engine_file import EngineFile
from detectors.errors import BackendUnavailableError, ModelUnreadableError
from detectors.factory import DEFAULT_MODEL, load_detector
from detectors.onnx_runtime import OnnxDetector
from tests.detectors import fake_gpu

MakeModel = Callable[..., Path]
KEY = EngineKey("0" * 64, "Orin", "10.3", "fp16", (8, 3, 416, 416))


def pictures(count: int) -> list[np.ndarray]:
    noise = np.random.default_rng(5)
    return [noise.integers(0, 255, (96 + 8 * index, 128, 3), dtype=np.uint8) for index in range(count)]


# --- engine files ---


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3), st.binary(max_size=40))
def test_a_written_engine_file_is_read_again(metadata: dict[str, object], engine: bytes) -> None:
    assert engine_file.parse(engine_file.write(EngineFile(metadata, engine))) == (metadata, engine)


@given(st.binary(max_size=60))
def test_bytes_without_a_header_are_the_engine_itself(raw: bytes) -> None:
    metadata, engine = engine_file.parse(raw)
    assert metadata == {} or raw.endswith(engine)
    assert metadata != {} or engine == raw


def test_a_header_as_ultralytics_writes_it_is_understood() -> None:
    header = b'{"names": {"0": "person"}, "imgsz": [416, 416], "batch": 8}'
    assert engine_file.parse(len(header).to_bytes(4, "little") + header + b"ftrt").metadata["batch"] == 8


# --- which engine ---


@pytest.mark.parametrize(
    "change",
    [{"model": "1" * 64}, {"gpu": "T4"}, {"tensorrt": "10.4"}, {"precision": "fp32"}, {"profile": (4, 3, 416, 416)}],
    ids=lambda change: next(iter(change)),
)
def test_an_engine_is_another_when_anything_it_depends_on_is(change: dict[str, object], tmp_path: Path) -> None:
    other = replace(KEY, **change)  # type: ignore[arg-type] # the table above has the types
    assert engine_cache.engine_path(tmp_path, DEFAULT_MODEL, KEY) != engine_cache.engine_path(
        tmp_path, DEFAULT_MODEL, other
    )


def test_the_name_of_an_engine_is_the_same_in_every_process() -> None:
    assert KEY.digest == replace(KEY).digest
    assert engine_cache.engine_path(Path("kept"), Path("yolo11n.onnx"), KEY).name == f"yolo11n-{KEY.digest}.engine"


# --- runs ---


def test_an_engine_is_built_once_and_says_what_the_onnx_file_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = fake_gpu.install(monkeypatch)
    first = load_detector(device="tensorrt", engines=tmp_path)
    again = load_detector(device="tensorrt", engines=tmp_path)
    assert library.builds == 1
    assert first.max_batch == again.max_batch == 8
    same_as_onnx(again, pictures(11))


def same_as_onnx(detector: Detector, images: list[np.ndarray]) -> None:
    expected = OnnxDetector(DEFAULT_MODEL).detect(images)
    for ours, theirs in zip(expected, detector.detect(images), strict=True):
        np.testing.assert_array_equal(ours.boxes, theirs.boxes)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_another_version_of_tensorrt_builds_its_own_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu.install(monkeypatch)
    load_detector(device="tensorrt", engines=tmp_path)
    newer = fake_gpu.install(monkeypatch, version="10.2")
    load_detector(device="tensorrt", engines=tmp_path)
    assert newer.builds == 1
    assert len(list(tmp_path.glob("*.engine"))) == 2


def test_an_engine_file_runs_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu.install(monkeypatch)
    load_detector(device="tensorrt", engines=tmp_path)
    (engine,) = tmp_path.glob("*.engine")
    contract = DEFAULT_MODEL.with_suffix(".scores.json").read_bytes()
    engine.with_suffix(".scores.json").write_bytes(contract)
    same_as_onnx(load_detector(engine), pictures(2))


# --- and the way back ---


def beside(tmp_path: Path) -> Path:
    """A raw engine of another version, and the ONNX file it was made from beside it."""
    (tmp_path / "people.onnx").write_bytes(DEFAULT_MODEL.read_bytes())
    (tmp_path / "people.engine").write_bytes(b"9.0|8|" + DEFAULT_MODEL.read_bytes())
    return tmp_path / "people.engine"


def test_an_engine_of_another_version_gives_way_to_the_onnx_file_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_gpu.install(monkeypatch)
    with capture_logs() as logs:
        detector = load_detector(beside(tmp_path))
    assert isinstance(detector, OnnxDetector)
    (warning,) = logs
    assert "engines belong to one GPU and one version" in warning["why"]


def test_an_engine_alone_that_cannot_be_read_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu.install(monkeypatch)
    engine = beside(tmp_path)
    engine.with_suffix(".onnx").unlink()
    with pytest.raises(ModelUnreadableError, match=r"people\.engine.*give the \.onnx file"):
        load_detector(engine)


@pytest.mark.parametrize("missing", ["tensorrt", "cuda.bindings.runtime"])
def test_without_the_extra_the_onnx_file_runs_and_the_log_names_the_extra(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_gpu.install(monkeypatch)
    monkeypatch.setitem(sys.modules, missing, None)
    with capture_logs() as logs:
        detector = load_detector(device="tensorrt", engines=tmp_path)
    assert isinstance(detector, OnnxDetector)
    assert "aforo[tensorrt]" in logs[-1]["why"]


def test_without_a_device_the_onnx_file_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu.install(monkeypatch, device=False)
    with capture_logs() as logs:
        detector = load_detector(device="tensorrt", engines=tmp_path)
    assert isinstance(detector, OnnxDetector)
    assert "NVIDIA device" in logs[-1]["why"]


def test_an_engine_without_the_extra_and_without_onnx_names_both_ways_out(tmp_path: Path) -> None:
    engine = beside(tmp_path)
    engine.with_suffix(".onnx").unlink()
    with pytest.raises(BackendUnavailableError, match=r"aforo\[tensorrt\].*device: auto"):
        load_detector(engine)
