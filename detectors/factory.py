"""Which detector reads which model file, on which device."""

from pathlib import Path
from typing import get_args

from detectors.detector import Detector
from detectors.device import Device
from detectors.errors import BackendUnavailableError

DEFAULT_MODEL = Path(__file__).parent / "models" / "nanodet-g-416-person-int8.onnx"


def load_detector(
    path: Path | None = None, *, device: Device = "auto", intra_op_threads: int = 1, engines: Path | None = None
) -> Detector:
    """The detector for a model file, by suffix; the packaged NanoDet when no path is given.

    Args:
        path: `.onnx` (ONNX Runtime, OpenVINO or TensorRT), `.engine` (TensorRT) or `.pt` (Ultralytics).
        device: `auto` takes a CUDA device where the runtime of the file finds one, else the CPU.
        intra_op_threads: threads for one run on a CPU.
        engines: where engines built from `.onnx` files are kept; beside the model when not given.

    Raises:
        DetectorError: one of `detectors.errors`, naming the file and what to do.
    """
    model = path or DEFAULT_MODEL
    match model.suffix, device:
        case ".onnx", "tensorrt":
            from detectors.tensorrt import load_or_build  # noqa: PLC0415 - optional runtimes load when asked for

            return load_or_build(model, engines or model.parent, intra_op_threads=intra_op_threads)
        case ".onnx", "openvino":
            from detectors.openvino import OpenVinoDetector  # noqa: PLC0415 - as above

            return OpenVinoDetector(model, threads=intra_op_threads)
        case ".onnx", "auto" | "cpu" | "cuda":
            from detectors.onnx_runtime import OnnxDetector  # noqa: PLC0415 - as above

            return OnnxDetector(model, intra_op_threads=intra_op_threads, device=device)
        case ".engine", "auto" | "tensorrt" | "cuda":
            from detectors.tensorrt import load_engine  # noqa: PLC0415 - as above

            return load_engine(model, intra_op_threads=intra_op_threads)
        case ".pt", "auto" | "cpu" | "cuda":
            from detectors.ultralytics import UltralyticsDetector  # noqa: PLC0415 - as above

            return UltralyticsDetector(model, device=device)
    raise BackendUnavailableError(_told(model, device))


def _told(model: Path, device: str) -> str:
    if device not in get_args(Device):
        return f"device {device!r} is none of {', '.join(get_args(Device))}"
    if model.suffix in {".engine", ".pt"}:
        return f"{model}: {model.suffix} files do not run on device {device!r}; use auto, or the model's .onnx file"
    return f"{model}: a model file ends in .onnx, .engine or .pt, not {model.suffix!r}"
