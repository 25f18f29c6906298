"""Which detector reads which model file."""

from pathlib import Path

from detectors.detector import Detector
from detectors.errors import BackendUnavailableError
from detectors.onnx_runtime import OnnxDetector

DEFAULT_MODEL = Path(__file__).parent / "models" / "nanodet-g-416-person-int8.onnx"

_NOT_YET = {".pt": "ultralytics", ".engine": "tensorrt"}


def load_detector(path: Path | None = None, *, intra_op_threads: int = 1) -> Detector:
    """The detector for a model file, by suffix; the packaged NanoDet when no path is given.

    Raises:
        DetectorError: one of `detectors.errors`, naming the file and what to do.
    """
    model = path or DEFAULT_MODEL
    if model.suffix == ".onnx":
        return OnnxDetector(model, intra_op_threads=intra_op_threads)
    extra = _NOT_YET.get(model.suffix)
    if extra is None:
        raise BackendUnavailableError(f"{model}: a model file ends in .onnx, not {model.suffix!r}")
    raise BackendUnavailableError(
        f"{model}: {model.suffix} files need the extra aforo[{extra}], and this version does not read them yet; "
        "export the model with `yolo export format=onnx` and use the .onnx file"
    )
