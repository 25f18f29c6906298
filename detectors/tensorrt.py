"""Detection with NVIDIA TensorRT: builds an engine from an ONNX file on the device it will run on, keeps it, runs it.

Not verified on a GPU yet (docs/detectors.md): what decides is in `engine_file`, `engine_cache` and `network`, which are; the
calls into TensorRT and CUDA are in this module alone. API: https://docs.nvidia.com/deeplearning/tensorrt/ (version 10).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from detectors import engine_cache, engine_file
from detectors.detector import Float32
from detectors.engine_cache import EngineKey
from detectors.engine_file import EngineFile
from detectors.errors import BackendUnavailableError, DetectorError, ModelLayoutError, ModelUnreadableError
from detectors.extras import imported
from detectors.network import Layout, ModelFile, NetworkDetector
from detectors.onnx_runtime import OnnxDetector, OnnxNetwork

log = structlog.get_logger(__name__)

_INSTEAD = "device: auto"
_FLOAT_BYTES = 4


class TensorRtNetwork:
    """An engine on the first CUDA device, with one input and one output buffer that live as long as the process.

    Args:
        file: names the model in errors.
        built: engine and metadata.

    Raises:
        BackendUnavailableError: TensorRT, its CUDA bindings or a device are missing.
        ModelUnreadableError: the engine was built for another device or version.
    """

    def __init__(self, file: ModelFile, built: EngineFile) -> None:
        self._trt, self._cuda = _tensorrt(), _cuda()
        runtime = self._trt.Runtime(self._trt.Logger(self._trt.Logger.WARNING))
        self._engine = runtime.deserialize_cuda_engine(built.engine)
        if self._engine is None:
            raise ModelUnreadableError(
                f"{file.path}: TensorRT {self._trt.__version__} cannot read this engine; engines belong to one GPU and one "
                "version: delete it and give the .onnx file with device: tensorrt, it is built anew"
            )
        self._context = self._engine.create_execution_context()
        self._input, self._output = _tensors(self._trt, self._engine, file)
        largest = tuple(self._engine.get_tensor_profile_shape(self._input, 0)[2])
        self.layout = _layout(largest, built.metadata)
        self._stream = _checked(self._cuda.cudaStreamCreate())
        self._buffers = [
            _checked(self._cuda.cudaMalloc(int(np.prod(shape)) * _FLOAT_BYTES))
            for shape in (largest, self._shape_of_output(largest))
        ]

    def run(self, tensor: Float32) -> Float32:
        """As in `Network`: copies in, executes, copies out, and waits."""
        tensor = np.ascontiguousarray(tensor)
        output = np.empty(self._shape_of_output(tensor.shape), dtype=np.float32)
        kinds = self._cuda.cudaMemcpyKind
        self._copy(self._buffers[0], tensor.ctypes.data, tensor.nbytes, kinds.cudaMemcpyHostToDevice)
        for name, buffer in zip((self._input, self._output), self._buffers, strict=True):
            self._context.set_tensor_address(name, buffer)
        if not self._context.execute_async_v3(self._stream):
            raise DetectorError("TensorRT refused to run the network; see its own messages on standard error")
        self._copy(output.ctypes.data, self._buffers[1], output.nbytes, kinds.cudaMemcpyDeviceToHost)
        _checked(self._cuda.cudaStreamSynchronize(self._stream))
        return output

    def _shape_of_output(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self._context.set_input_shape(self._input, shape):
            raise ModelLayoutError(f"the engine's profile does not take an input of {list(shape)}")
        return tuple(self._context.get_tensor_shape(self._output))

    def _copy(self, target: int, source: int, size: int, kind: Any) -> None:
        _checked(self._cuda.cudaMemcpyAsync(target, source, size, kind, self._stream))


def load_engine(path: Path, *, intra_op_threads: int = 1) -> NetworkDetector:
    """The detector in an `.engine` file; the ONNX file beside it takes over, with a warning, where the engine cannot run.

    Raises:
        DetectorError: it cannot run here, and no ONNX file of the same name stands beside it.
    """
    file = ModelFile.read(path)
    return _or_onnx(lambda: _loaded(file, file.content), path.with_suffix(".onnx"), intra_op_threads)


def load_or_build(
    path: Path, folder: Path, *, precision: str = "fp16", max_batch: int = 8, intra_op_threads: int = 1
) -> NetworkDetector:
    """The detector of an ONNX file as an engine, built at the first start (minutes) and kept in `folder`.

    Where TensorRT cannot be used the ONNX file itself runs, with a warning.
    """
    file = ModelFile.read(path)
    return _or_onnx(lambda: _loaded(file, _kept(file, folder, precision, max_batch)), path, intra_op_threads)


def _loaded(file: ModelFile, content: bytes) -> NetworkDetector:
    return NetworkDetector(file, TensorRtNetwork(file, engine_file.parse(content)))


def _kept(file: ModelFile, folder: Path, precision: str, max_batch: int) -> bytes:
    """The engine file for this device, built if there is none."""
    layout = OnnxNetwork(file).layout
    profile = (max_batch, 3, layout.height, layout.width)
    key = EngineKey(file.digest, _gpu(), _tensorrt().__version__, precision, profile)
    kept = engine_cache.engine_path(folder, file.path, key)
    if not kept.is_file():
        log.info("building a TensorRT engine; this takes minutes, once", model=file.name, gpu=key.gpu, engine=kept.name)
        metadata = {"names": dict(layout.classes), "imgsz": [layout.height, layout.width], "batch": max_batch}
        engine_cache.keep(kept, engine_file.write(EngineFile(metadata, build(file, key))))
    return kept.read_bytes()


def _or_onnx(load: Callable[[], NetworkDetector], onnx: Path, intra_op_threads: int) -> NetworkDetector:
    """What `load` gives, or where TensorRT cannot be used the detector of the ONNX file, if there is one."""
    try:
        return load()
    except (BackendUnavailableError, ModelUnreadableError) as error:
        if not onnx.is_file():
            raise
        log.warning("TensorRT cannot be used; ONNX Runtime runs the model instead", why=str(error), model=onnx.name)
        return OnnxDetector(onnx, intra_op_threads=intra_op_threads, device="auto")


def build(file: ModelFile, key: EngineKey) -> bytes:
    """An engine for the device of this machine.

    Raises:
        ModelUnreadableError: TensorRT cannot parse or build the network.
    """
    trt = _tensorrt()
    builder = trt.Builder(trt.Logger(trt.Logger.WARNING))
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.WARNING))
    if not parser.parse(file.content):
        faults = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise ModelUnreadableError(f"{file.path}: TensorRT cannot parse it: {faults}")
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    one, largest = (1, *key.profile[1:]), key.profile
    profile.set_shape(network.get_input(0).name, one, largest, largest)
    config.add_optimization_profile(profile)
    if key.precision == "fp16" and hasattr(trt.BuilderFlag, "FP16"):  # gone in TensorRT 11, which is strongly typed
        config.set_flag(trt.BuilderFlag.FP16)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ModelUnreadableError(
            f"{file.path}: TensorRT could not build an engine; see its messages on standard error"
        )
    return bytes(engine)


def _layout(largest: tuple[int, ...], metadata: Mapping[str, Any]) -> Layout:
    names = {int(index): name for index, name in metadata.get("names", {}).items()}
    height, width = metadata.get("imgsz") or largest[2:]
    return Layout(int(width), int(height), names, int(min(metadata.get("batch", largest[0]), largest[0])))


def _tensors(trt: Any, engine: Any, file: ModelFile) -> tuple[str, str]:
    """The names of the one input and the one output."""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    outputs = [name for name in names if name not in inputs]
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelLayoutError(
            f"{file.path}: {len(inputs)} inputs and {len(outputs)} outputs; a detector has one of each"
        )
    return inputs[0], outputs[0]


def _tensorrt() -> Any:
    return imported("tensorrt", extra="tensorrt", instead=_INSTEAD)


def _cuda() -> Any:
    return imported("cuda.bindings.runtime", extra="tensorrt", instead=_INSTEAD)


def _gpu() -> str:
    properties = _checked(_cuda().cudaGetDeviceProperties(0))
    return properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)


def _checked(answer: tuple[Any, ...]) -> Any:
    """The value of a CUDA call.

    Raises:
        BackendUnavailableError: the call failed; most often there is no device or no driver.
    """
    error, *values = answer
    if int(error) != 0:
        raise BackendUnavailableError(f"CUDA says {error!r}; is there an NVIDIA device with its driver?")
    return values[0] if values else None
