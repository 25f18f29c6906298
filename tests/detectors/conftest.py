"""Tiny ONNX files whose answer is known: the output is a constant, whatever the picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    def make(
        output: Any,
        *,
        input_shape: Sequence[int | str] = ("batch", 3, 64, 64),
        input_type: int = TensorProto.FLOAT,
        metadata: dict[str, str] | None = None,
        outputs: int = 1,
        name: str = "tiny",
    ) -> Path:
        constant = np.asarray(output, dtype=np.float32)
        names = [f"output{index}" for index in range(outputs)]
        graph = helper.make_graph(
            [helper.make_node("Constant", [], [one], value=numpy_helper.from_array(constant)) for one in names],
            "constant",
            [helper.make_tensor_value_info("images", input_type, list(input_shape))],
            [helper.make_tensor_value_info(one, TensorProto.FLOAT, list(constant.shape)) for one in names],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        helper.set_model_props(model, metadata or {})
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        return path

    return make
