"""The trackers that a user would pick instead, behind the benchmark's one signature. Needs `trackers` and `supervision`.

They run with their shipped defaults; BoT-SORT without its camera-motion correction, since the benchmark has no images.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Detections = list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class MissingPeersError(RuntimeError):
    """The peers are not installed."""


def peers() -> dict[str, Callable[[Detections, float], list[Found]]]:
    """Each peer by name.

    Raises:
        MissingPeersError: `trackers` is not installed.
    """
    try:
        import trackers  # noqa: PLC0415 - a development dependency, wanted by --peers only
    except ImportError as error:
        raise MissingPeersError(
            "--peers needs the peers themselves: pip install trackers==2.6.1 supervision"
        ) from error
    kinds: dict[str, Callable[[float], Any]] = {
        "C-BIoU": lambda rate: trackers.CBIoUTracker(frame_rate=rate),
        "SORT": lambda rate: trackers.SORTTracker(frame_rate=rate),
        "BoT-SORT": lambda rate: trackers.BoTSORTTracker(frame_rate=rate, enable_cmc=False),
        "OC-SORT": lambda rate: trackers.OCSORTTracker(frame_rate=rate),
        "ByteTrack": lambda rate: trackers.ByteTrackTracker(frame_rate=rate),
    }
    return {name: _adapter(kind) for name, kind in kinds.items()}


def _adapter(kind: Callable[[float], Any]) -> Callable[[Detections, float], list[Found]]:
    import supervision  # noqa: PLC0415 - comes with trackers

    def track(frames: Detections, frames_per_second: float) -> list[Found]:
        tracker = kind(frames_per_second)
        return [_found(tracker.update(_with_index(supervision, boxes, scores))) for boxes, scores in frames]

    return track


def _with_index(supervision: Any, boxes: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Any:
    index = {"index": np.arange(len(boxes))}
    return supervision.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), int), data=index)


def _found(tracked: Any) -> Found:
    if not len(tracked) or tracked.tracker_id is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    confirmed = tracked.tracker_id >= 0
    return tracked.tracker_id[confirmed].astype(np.int64), tracked.data["index"][confirmed].astype(np.int64)
