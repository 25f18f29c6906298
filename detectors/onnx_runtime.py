"""Detection with ONNX Runtime, on the CPU or on a CUDA device where its provider is installed."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from detectors.detector import Float32
from detectors.errors import BackendUnavailableError, ModelLayoutError, ModelUnreadableError
from detectors.network import Layout, ModelFile, NetworkDetector, layout_of

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# On a CPU a batch costs more per image than single runs (docs/detectors.md).
_BATCHES = {_CPU: 1, _CUDA: 8}

# A camera's machine tells nobody what it does.
onnxruntime.disable_telemetry_events()


class OnnxNetwork:
    """A network in an ONNX file.

    Args:
        file: the model.
        intra_op_threads: threads for one run on the CPU. More than one pays only on an idle machine.
        device: `cpu`, `cuda`, or `auto` for CUDA where ONNX Runtime has it.

    Raises:
        ModelUnreadableError, ModelLayoutError, BackendUnavailableError: see `detectors.errors`.
    """

    def __init__(self, file: ModelFile, *, intra_op_threads: int = 1, device: str = "cpu") -> None:
        provider = _provider(device)
        self._session = _session(file, intra_op_threads, provider)
        try:
            self._input, self.layout = _layout(self._session, _BATCHES[provider])
        except ModelLayoutError as error:
            raise ModelLayoutError(f"{file.path}: {error}") from None

    def run(self, tensor: Float32) -> Float32:
        """As in `Network`."""
        (output,) = self._session.run(None, {self._input: tensor})
        return np.asarray(output)


class OnnxDetector(NetworkDetector):
    """A person detector from an ONNX file; arguments and errors are those of `OnnxNetwork` and `NetworkDetector`."""

    def __init__(self, path: Path, *, intra_op_threads: int = 1, device: str = "cpu") -> None:
        file = ModelFile.read(path)
        super().__init__(file, OnnxNetwork(file, intra_op_threads=intra_op_threads, device=device))


def _provider(device: str) -> str:
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise BackendUnavailableError(
            "this ONNX Runtime has no CUDA provider; install onnxruntime-gpu in place of onnxruntime, or use device: auto"
        )
    return _CUDA if has_cuda and device != "cpu" else _CPU


def _session(file: ModelFile, intra_op_threads: int, provider: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    # Spinning threads burn the core that the next camera's decoder needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(file.content, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise ModelUnreadableError(f"{file.path} is no ONNX model that ONNX Runtime can load: {error}") from error


def _layout(session: onnxruntime.InferenceSession, batches: int) -> tuple[str, Layout]:
    """The one input's name and what the network takes, if inputs and outputs are as many and of the kind we know."""
    inputs: list[Any] = session.get_inputs()
    outputs: list[Any] = session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelLayoutError(f"{len(inputs)} inputs and {len(outputs)} outputs; a detector has one of each")
    if inputs[0].type != "tensor(float)":
        raise ModelLayoutError(f"input of {inputs[0].type}; expected [N, 3, H, W] of tensor(float)")
    metadata = session.get_modelmeta().custom_metadata_map
    return str(inputs[0].name), layout_of(inputs[0].shape, metadata, batches=batches)
