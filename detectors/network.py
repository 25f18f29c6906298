"""A person detector around any runtime: letterboxes, runs a network in batches it can take, decodes. No runtime is known here."""

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from detectors.decoding import decoder_for
from detectors.detector import Detections, Float32, Image
from detectors.errors import ModelLayoutError, ModelNotFoundError
from detectors.letterbox import Letterbox
from detectors.scores import DEFAULT_SCORES, ScoreContract

_PERSON = "person"
_USUAL_SIZE = (640, 640)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a network takes and knows.

    Attributes:
        width: of its input, in pixels.
        height: of its input, in pixels.
        classes: name of each class; empty when the model does not say.
        max_batch: how many images one run takes with gain.
    """

    width: int
    height: int
    classes: Mapping[int, str]
    max_batch: int = 1


class Network(Protocol):
    """A loaded network, used from one thread."""

    @property
    def layout(self) -> Layout:
        """What it takes and knows."""
        ...

    def run(self, tensor: Float32) -> Float32:
        """The raw output of input (n, 3, H, W), RGB 0..1, with n up to `layout.max_batch`."""
        ...


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that was read, and what stands beside it.

    Raises:
        ModelNotFoundError, ScoreContractError: see `detectors.errors`.
    """

    path: Path
    content: bytes
    scores: ScoreContract

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read the file, and the thresholds from `<model>.scores.json` beside it when there are any."""
        if not path.is_file():
            raise ModelNotFoundError(f"no model file at {path}")
        return cls(path, path.read_bytes(), ScoreContract.beside(path) or DEFAULT_SCORES)

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """As in `Detector.name`."""
        return f"{self.path.stem}@{self.digest[:8]}"


class NetworkDetector:
    """A person detector from a network in the Ultralytics layout: input `[N, 3, H, W]` float32, RGB 0..1, letterboxed.

    Args:
        file: the model's name and thresholds.
        network: the loaded network.

    Raises:
        ModelLayoutError: its output or its classes are not ours; names the file.
    """

    def __init__(self, file: ModelFile, network: Network) -> None:
        self.name, self.scores = file.name, file.scores
        self._network = network
        self._layout = network.layout
        self.input_width, self.input_height = self._layout.width, self._layout.height
        self.max_batch = self._layout.max_batch
        try:
            self._person = person_index(self._layout.classes)
            # A run on an empty image warms the network up and shows the output's true shape.
            output = network.run(np.zeros((1, 3, self.input_height, self.input_width), dtype=np.float32))
            self._decode = decoder_for(output.shape, self._layout.classes)
        except ModelLayoutError as error:
            raise ModelLayoutError(f"{file.path}: {error}") from None

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One `Detections` per image, in order."""
        return [found for batch in _batches(images, self.max_batch) for found in self._detect(batch)]

    def _detect(self, images: Sequence[Image]) -> Iterator[Detections]:
        placed = [self._letterbox(*image.shape[:2]) for image in images]
        tensors = [letterbox.tensor(image) for letterbox, image in zip(placed, images, strict=True)]
        for letterbox, output in zip(placed, self._network.run(np.concatenate(tensors)), strict=True):
            found = self._decode(output, self._person, self.scores.floor)
            yield Detections(boxes=letterbox.to_image(found.boxes), scores=found.scores)

    def _letterbox(self, height: int, width: int) -> Letterbox:
        return Letterbox.fit(width, height, self.input_width, self.input_height)


def _batches(images: Sequence[Image], size: int) -> Iterator[list[Image]]:
    rest = iter(images)
    while batch := list(islice(rest, size)):
        yield batch


def person_index(classes: Mapping[int, str]) -> int:
    """Which class is a person; without names the first, as in COCO.

    Raises:
        ModelLayoutError: the classes have names, and none is a person's.
    """
    if not classes:
        return 0
    for index, name in classes.items():
        if name == _PERSON:
            return index
    raise ModelLayoutError(f"no class is called {_PERSON!r}; the model knows {', '.join(classes.values())}")


def layout_of(shape: Sequence[int | str], metadata: Mapping[str, str], *, batches: int) -> Layout:
    """The layout of an input of `shape` [N, 3, H, W], dynamic sizes given as text; sizes then come from the metadata.

    Args:
        shape: as the model says it.
        metadata: what the exporter wrote beside the weights: `imgsz` and `names` as Python literals.
        batches: the most images a run should take where the shape leaves it open.

    Raises:
        ModelLayoutError: another shape, or metadata that is no literal.
    """
    if len(shape) != 4 or shape[1] != 3:  # noqa: PLR2004 - N, 3, H, W
        raise ModelLayoutError(f"input {list(shape)}; expected [N, 3, H, W] of tensor(float)")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelLayoutError(f"a fixed batch of {shape[0]}; export with batch=1 or dynamic=True")
    height, width = shape[2:]
    if not isinstance(height, int) or not isinstance(width, int):
        height, width = _literal(metadata, "imgsz") or _USUAL_SIZE
    return Layout(int(width), int(height), _literal(metadata, "names") or {}, 1 if shape[0] == 1 else batches)


def _literal(metadata: Mapping[str, str], key: str) -> Any:
    text = metadata.get(key)
    try:
        return ast.literal_eval(text) if text else None
    except (ValueError, SyntaxError):
        raise ModelLayoutError(f"metadata {key!r} is no Python literal: {text!r:.80}") from None
