"""Detection with OpenVINO on Intel CPUs and GPUs, from the same ONNX file; the optional extra `aforo[openvino]`."""

from pathlib import Path
from typing import Any

import numpy as np

from detectors.detector import Float32
from detectors.errors import ModelUnreadableError
from detectors.extras import imported
from detectors.network import ModelFile, NetworkDetector
from detectors.onnx_runtime import OnnxNetwork


class OpenVinoNetwork:
    """An ONNX file compiled for one of OpenVINO's devices.

    On CPUs with AMX or AVX512-BF16 OpenVINO computes in bfloat16 by itself: faster, and boxes move by a pixel or so.

    Args:
        file: the model.
        threads: threads for one run on a CPU.
        device: OpenVINO's name: CPU, GPU, NPU or AUTO.
    """

    def __init__(self, file: ModelFile, *, threads: int = 1, device: str = "CPU") -> None:
        openvino = imported("openvino", extra="openvino", instead="device: cpu")
        self.layout = OnnxNetwork(file).layout  # names and sizes stand in the ONNX file
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU":
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            self._compiled = core.compile_model(core.read_model(file.content), device, options)
        except RuntimeError as error:
            raise ModelUnreadableError(f"{file.path}: OpenVINO cannot run it on {device}: {error}") from error

    def run(self, tensor: Float32) -> Float32:
        """As in `Network`."""
        (output,) = self._compiled(tensor).values()
        return np.asarray(output)


class OpenVinoDetector(NetworkDetector):
    """A person detector from an ONNX file, run by OpenVINO."""

    def __init__(self, path: Path, *, threads: int = 1, device: str = "CPU") -> None:
        file = ModelFile.read(path)
        super().__init__(file, OpenVinoNetwork(file, threads=threads, device=device))
