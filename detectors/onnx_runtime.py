"""Detection with ONNX Runtime on the CPU: reads a model's shape and names from the file, runs it, decodes its output."""

import ast
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from detectors.decoding import decoder_for
from detectors.detector import Detections, Float32, Image
from detectors.errors import ModelLayoutError, ModelNotFoundError, ModelUnreadableError
from detectors.letterbox import Letterbox
from detectors.scores import DEFAULT_SCORES, ScoreContract

_PERSON = "person"
_USUAL_SIZE = (640, 640)

# A camera's machine tells nobody what it does.
onnxruntime.disable_telemetry_events()


class OnnxDetector:
    """A person detector from an ONNX file in the Ultralytics layout.

    Input `[N, 3, H, W]` float32, RGB 0..1, letterboxed; output `[N, 4 + classes, A]` or `[N, 300, 6]`.
    Images run one by one: on a CPU a batch costs more per image than single runs.

    Args:
        path: the model file; thresholds are read from `<model>.scores.json` beside it when there is one.
        intra_op_threads: threads for one run. More than one pays only on an idle machine.

    Raises:
        ModelNotFoundError, ModelUnreadableError, ModelLayoutError, ScoreContractError: see `detectors.errors`.
    """

    def __init__(self, path: Path, *, intra_op_threads: int = 1) -> None:
        if not path.is_file():
            raise ModelNotFoundError(f"no model file at {path}")
        model = path.read_bytes()
        self.name = f"{path.stem}@{hashlib.sha256(model).hexdigest()[:8]}"
        self.scores = ScoreContract.beside(path) or DEFAULT_SCORES
        self._session = _session(path, model, intra_op_threads)
        try:
            self._input = _input_name(self._session)
            self.input_width, self.input_height = _input_size(self._session)
            self._learn_output()
        except ModelLayoutError as error:
            raise ModelLayoutError(f"{path}: {error}") from None

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One `Detections` per image, in order."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: Image) -> Detections:
        height, width = image.shape[:2]
        letterbox = Letterbox.fit(width, height, self.input_width, self.input_height)
        found = self._decode(self._run(letterbox.tensor(image))[0], self._person, self.scores.floor)
        return Detections(boxes=letterbox.to_image(found.boxes), scores=found.scores)

    def _learn_output(self) -> None:
        """A run on an empty image warms the session up and shows the output's true shape."""
        classes = _classes(self._session)
        self._person = _person_index(classes)
        output = self._run(np.zeros((1, 3, self.input_height, self.input_width), dtype=np.float32))
        self._decode = decoder_for(output.shape, classes)

    def _run(self, tensor: Float32) -> Float32:
        (output,) = self._session.run(None, {self._input: tensor})
        return np.asarray(output)


def _session(path: Path, model: bytes, intra_op_threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    # Spinning threads burn the core that the next camera's decoder needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise ModelUnreadableError(f"{path} is no ONNX model that ONNX Runtime can load: {error}") from error


def _input_name(session: onnxruntime.InferenceSession) -> str:
    """The one input's name, if inputs and outputs are as many and of the kind we know."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelLayoutError(f"{len(inputs)} inputs and {len(outputs)} outputs; a detector has one of each")
    shape, kind = inputs[0].shape, inputs[0].type
    if len(shape) != 4 or shape[1] != 3 or kind != "tensor(float)":  # noqa: PLR2004 - N, 3, H, W
        raise ModelLayoutError(f"input {shape} of {kind}; expected [N, 3, H, W] of tensor(float)")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelLayoutError(f"a fixed batch of {shape[0]}; export with batch=1 or dynamic=True")
    return str(inputs[0].name)


def _input_size(session: onnxruntime.InferenceSession) -> tuple[int, int]:
    """(width, height): from the input's shape, or from the metadata when the shape is dynamic."""
    height, width = session.get_inputs()[0].shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return width, height
    height, width = _metadata(session, "imgsz") or _USUAL_SIZE
    return int(width), int(height)


def _classes(session: onnxruntime.InferenceSession) -> Mapping[int, str]:
    names: Mapping[int, str] = _metadata(session, "names") or {}
    return names


def _person_index(classes: Mapping[int, str]) -> int:
    """Which class is a person; without names the first, as in COCO."""
    if not classes:
        return 0
    for index, name in classes.items():
        if name == _PERSON:
            return index
    raise ModelLayoutError(f"no class is called {_PERSON!r}; the model knows {', '.join(classes.values())}")


def _metadata(session: onnxruntime.InferenceSession, key: str) -> Any:
    text = session.get_modelmeta().custom_metadata_map.get(key)
    try:
        return ast.literal_eval(text) if text else None
    except (ValueError, SyntaxError):
        raise ModelLayoutError(f"metadata {key!r} is no Python literal: {text[:80]!r}") from None
