"""Which engine belongs to which model on which device: engines run only where they were built. No TensorRT is needed here."""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

PRECISIONS = ("fp16", "fp32")


@dataclass(frozen=True, slots=True)
class EngineKey:
    """All that an engine depends on.

    Attributes:
        model: SHA-256 of the ONNX file.
        gpu: name of the device.
        tensorrt: version of the library.
        precision: one of `PRECISIONS`.
        profile: largest input (n, 3, H, W).
    """

    model: str
    gpu: str
    tensorrt: str
    precision: str
    profile: tuple[int, int, int, int]

    @property
    def digest(self) -> str:
        """A short name for the whole key."""
        return hashlib.sha256(msgspec.json.encode(asdict(self))).hexdigest()[:16]


def engine_path(folder: Path, model: Path, key: EngineKey) -> Path:
    """Where the engine of `model` under `key` is kept."""
    return folder / f"{model.stem}-{key.digest}.engine"


def keep(path: Path, content: bytes) -> None:
    """Write an engine so that no reader ever sees half of it; older engines of the same model stay for other devices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
