"""The names of what can run a detector; settings read them where no detector is installed."""

from typing import Literal, TypeAlias

Device: TypeAlias = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
"""`auto` takes a CUDA device where the runtime of the model's file finds one, else the CPU."""
