"""TensorRT and CUDA as far as `detectors.tensorrt` calls them, on the CPU: an "engine" is the ONNX file it was built from, device
memory is host memory that may be touched only between malloc and free, and a run is ONNX Runtime's.
"""

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

GPU = "Test GPU"


class Cuda(ModuleType):
    """Memory, copies and one device; every call answers (error, value)."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="in", cudaMemcpyDeviceToHost="out")  # noqa: N815 - CUDA's name

    def __init__(self, *, device: bool = True) -> None:
        super().__init__("cuda.bindings.runtime")
        self.buffers: dict[int, Any] = {}
        self.device = device

    def cudaMalloc(self, size: int) -> tuple[int, int]:  # noqa: N802 - CUDA's name
        buffer = ctypes.create_string_buffer(size)
        self.buffers[ctypes.addressof(buffer)] = buffer
        return 0, ctypes.addressof(buffer)

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: str, _stream: object) -> tuple[int]:  # noqa: N802
        on_device = self.buffers[target if kind == "in" else source]
        assert size <= len(on_device), "a copy beyond the end of device memory"
        ctypes.memmove(target, source, size)
        return (0,)

    def cudaStreamCreate(self) -> tuple[int, str]:  # noqa: N802
        return 0, "stream"

    def cudaStreamSynchronize(self, _stream: object) -> tuple[int]:  # noqa: N802
        return (0,)

    def cudaGetDeviceProperties(self, _device: int) -> tuple[int, Any]:  # noqa: N802
        return (0, SimpleNamespace(name=GPU.encode())) if self.device else (100, None)


class Context:
    """One execution of an engine."""

    def __init__(self, engine: "Engine", cuda: Cuda) -> None:
        self._engine, self._cuda = engine, cuda
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, _name: str, shape: tuple[int, ...]) -> bool:
        self._shape = tuple(shape)
        return all(wanted <= most for wanted, most in zip(shape, self._engine.largest, strict=True))

    def get_tensor_shape(self, _name: str) -> tuple[int, ...]:
        return (self._shape[0], *self._engine.session.get_outputs()[0].shape[1:])

    def set_tensor_address(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def execute_async_v3(self, _stream: object) -> bool:
        count = int(np.prod(self._shape))
        raw = self._cuda.buffers[self._addresses["images"]].raw[: count * 4]
        images = np.frombuffer(raw, np.float32).reshape(self._shape)
        answers = [self._engine.session.run(None, {"images": image[None]})[0] for image in images]
        output = np.concatenate(answers)
        ctypes.memmove(self._addresses["output0"], output.ctypes.data, output.nbytes)
        return True


class Engine:
    """What was built."""

    num_io_tensors = 2

    def __init__(self, onnx: bytes, largest: tuple[int, ...], cuda: Cuda) -> None:
        self.session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
        self.largest, self._cuda = largest, cuda

    def get_tensor_name(self, index: int) -> str:
        return ("images", "output0")[index]

    def get_tensor_mode(self, name: str) -> str:
        return "INPUT" if name == "images" else "OUTPUT"

    def get_tensor_profile_shape(self, _name: str, _profile: int) -> tuple[tuple[int, ...], ...]:
        return (1, *self.largest[1:]), self.largest, self.largest

    def create_execution_context(self) -> Context:
        return Context(self, self._cuda)


class Logger:
    """Takes a level and says nothing."""

    WARNING = 0

    def __init__(self, level: int) -> None:
        del level


class TensorRt(ModuleType):
    """The library: what it builds it can read again, of its own version only."""

    TensorIOMode = SimpleNamespace(INPUT="INPUT")
    BuilderFlag = SimpleNamespace(FP16="fp16")
    Logger = Logger

    def __init__(self, cuda: Cuda, version: str = "10.1") -> None:
        super().__init__("tensorrt")
        self.__version__ = version
        self.builds = 0
        self.Runtime = self.Builder = lambda _log: self
        self._cuda = cuda
        self._profile: tuple[int, ...] = ()

    def deserialize_cuda_engine(self, engine: bytes) -> Engine | None:
        version, _, rest = engine.partition(b"|")
        batch, _, onnx = rest.partition(b"|")
        if version != self.__version__.encode():
            return None
        height, width = onnxruntime.InferenceSession(onnx).get_inputs()[0].shape[2:]
        return Engine(onnx, (int(batch), 3, height, width), self._cuda)

    # --- the builder ---

    def create_network(self, _flags: int) -> Any:
        return SimpleNamespace(get_input=lambda _index: SimpleNamespace(name="images"))

    def OnnxParser(self, network: Any, _log: object) -> Any:  # noqa: N802 - TensorRT's name
        def parse(onnx: bytes) -> bool:
            network.onnx = onnx
            return True

        return SimpleNamespace(parse=parse)

    def create_builder_config(self) -> Any:
        return SimpleNamespace(add_optimization_profile=self._take, set_flag=lambda _flag: None)

    def _take(self, profile: Any) -> None:
        self._profile = profile.largest

    def create_optimization_profile(self) -> Any:
        profile = SimpleNamespace()
        profile.set_shape = lambda _name, _least, _usual, largest: setattr(profile, "largest", largest)
        return profile

    def build_serialized_network(self, network: Any, _config: Any) -> bytes:
        self.builds += 1
        onnx: bytes = network.onnx
        return f"{self.__version__}|{self._profile[0]}|".encode() + onnx


def install(monkeypatch: pytest.MonkeyPatch, *, version: str = "10.1", device: bool = True) -> TensorRt:
    """Make `import tensorrt` and `import cuda.bindings.runtime` find these."""
    cuda = Cuda(device=device)
    library = TensorRt(cuda, version)
    for name, module in {
        "tensorrt": library,
        "cuda": ModuleType("cuda"),
        "cuda.bindings": ModuleType("cuda.bindings"),
        "cuda.bindings.runtime": cuda,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    return library
