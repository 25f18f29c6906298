"""Detection with the Ultralytics package from a `.pt` file: the optional extra `aforo[ultralytics]`, AGPL-3.0 (docs/licences.md)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.decoding import NMS_IOU
from detectors.detector import Detections, Image
from detectors.errors import ModelLayoutError, ModelUnreadableError
from detectors.extras import imported
from detectors.network import ModelFile, person_index

_CUDA_BATCH = 8


class UltralyticsDetector:
    """A person detector run by Ultralytics' own predictor.

    Args:
        path: a `.pt` file of a detection model.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        DetectorError: the package is missing, or the file is no detection model with people.
    """

    def __init__(self, path: Path, *, device: str = "auto") -> None:
        file = ModelFile.read(path)
        ultralytics = imported("ultralytics", extra="ultralytics", instead="an .onnx export of the model")
        self.name, self.scores = file.name, file.scores
        try:
            self._model: Any = ultralytics.YOLO(str(path), task="detect")
            self._person = person_index(self._model.names)
        except ModelLayoutError as error:
            raise ModelLayoutError(f"{path}: {error}") from None
        except Exception as error:  # torch and ultralytics raise whatever they meet
            raise ModelUnreadableError(f"{path}: Ultralytics cannot load it: {error}") from error
        self._device = _device(device)
        self.max_batch = 1 if self._device == "cpu" else _CUDA_BATCH

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One `Detections` per image, in order."""
        if not images:
            return []
        options = {"conf": self.scores.floor, "iou": NMS_IOU, "classes": [self._person], "device": self._device}
        results = self._model.predict(list(images), rect=False, verbose=False, batch=self.max_batch, **options)
        return [_detections(result.boxes) for result in results]


def _detections(boxes: Any) -> Detections:
    """Best first; Ultralytics clips boxes to the image, so feet below the frame are lost."""
    corners, scores = boxes.xyxy.cpu().numpy(), boxes.conf.cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes=corners[order].astype(np.float32), scores=scores[order].astype(np.float32))


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    torch = imported("torch", extra="ultralytics", instead="an .onnx export of the model")
    return "cuda" if torch.cuda.is_available() else "cpu"
