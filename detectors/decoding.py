"""From a network's raw output to boxes: both Ultralytics export layouts, told apart by shape. No runtime is known here.

`[N, 4 + classes, A]` holds A candidates as centre x, centre y, width, height and one score per class, before NMS;
`[N, 300, 6]` holds final rows of x1, y1, x2, y2, score, class. Coordinates are pixels of the network's input.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import cv2
import numpy as np

from detectors.detector import Detections, Float32
from detectors.errors import ModelLayoutError

Decode: TypeAlias = Callable[[Float32, int, float], Detections]
"""(one image's output, index of the person class, score floor) -> detections in input pixels, best first."""

NMS_IOU = 0.6
_BOX_ROWS = 4
_FINAL_COLUMNS = 6


def decoder_for(shape: Sequence[int], classes: Mapping[int, str]) -> Decode:
    """The decoder for an output of `shape`; `classes` are the model's class names, empty when it does not say.

    Raises:
        ModelLayoutError: the shape is of neither layout.
    """
    if len(shape) == 3 and shape[2] == _FINAL_COLUMNS:  # noqa: PLR2004 - batch, rows, columns
        return decode_final
    if len(shape) == 3 and _is_candidates(shape[1], shape[2], len(classes)):  # noqa: PLR2004 - batch, rows, columns
        return decode_candidates
    raise ModelLayoutError(
        f"output of shape {list(shape)} is neither [N, 4+classes, A] nor [N, 300, 6]"
        + (f" with {len(classes)} classes" if classes else "")
        + "; export the model with `yolo export format=onnx`"
    )


def decode_candidates(output: Float32, person: int, floor: float) -> Detections:
    """Decode (4 + classes, A): candidates at or above `floor`, thinned by non-maximum suppression."""
    scores = output[_BOX_ROWS + person]
    chosen = scores >= floor
    centre, size, scores = output[:2, chosen].T, output[2:4, chosen].T, scores[chosen]
    corner = centre - size / 2
    kept = _suppress(np.hstack([corner, size]), scores)
    boxes = np.hstack([corner, corner + size])
    return Detections(boxes=boxes[kept].astype(np.float32), scores=scores[kept].astype(np.float32))


def decode_final(output: Float32, person: int, floor: float) -> Detections:
    """Decode (rows, 6): the person rows at or above `floor`; the network has suppressed duplicates itself."""
    rows = output[(output[:, 4] >= floor) & (output[:, 5] == person)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    return Detections(boxes=rows[:, :4], scores=rows[:, 4])


def _is_candidates(rows: int, columns: int, classes: int) -> bool:
    """Without class names, more rows than columns means the transposed layout of YOLOv5, which is not ours."""
    return rows == _BOX_ROWS + classes if classes else _BOX_ROWS < rows < columns


def _suppress(boxes: Float32, scores: Float32) -> list[int]:
    """Indices to keep, best score first; `boxes` are x, y, width, height."""
    return [int(index) for index in cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, NMS_IOU)]
