"""The trackers that a user would pick instead, behind the benchmark's one signature. Needs `trackers` and `supervision`.

They run with their shipped defaults, with two exceptions in their favour: SORT, which has no use for unsure detections, gets only
those from the high score on; BoT-SORT runs without its camera-motion correction, since the benchmark has no images.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Detections = list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
SORT_FLOOR = 0.6
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class MissingPeersError(RuntimeError):
    """The peers are not installed."""


def peers() -> dict[str, Callable[[Detections, list[int]], list[Found]]]:
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
    return {
        "C-BIoU": _adapter(lambda rate: trackers.CBIoUTracker(frame_rate=rate)),
        "SORT": _adapter(lambda rate: trackers.SORTTracker(frame_rate=rate), floor=SORT_FLOOR),
        "BoT-SORT": _adapter(lambda rate: trackers.BoTSORTTracker(frame_rate=rate, enable_cmc=False)),
        "OC-SORT": _adapter(lambda rate: trackers.OCSORTTracker(frame_rate=rate)),
        "ByteTrack": _adapter(lambda rate: trackers.ByteTrackTracker(frame_rate=rate)),
    }


def _adapter(kind: Callable[[float], Any], floor: float = 0.0) -> Callable[[Detections, list[int]], list[Found]]:
    import supervision  # noqa: PLC0415 - comes with trackers

    def track(frames: Detections, times: list[int]) -> list[Found]:
        tracker = kind(1_000.0 * (len(times) - 1) / (times[-1] - times[0]))
        return [_found(tracker.update(_with_index(supervision, boxes, scores, floor))) for boxes, scores in frames]

    return track


def _with_index(supervision: Any, boxes: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], floor: float) -> Any:
    index = (scores >= floor).nonzero()[0]
    classes = np.zeros(len(index), int)
    return supervision.Detections(xyxy=boxes[index], confidence=scores[index], class_id=classes, data={"index": index})


def _found(tracked: Any) -> Found:
    if not len(tracked) or tracked.tracker_id is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    confirmed = tracked.tracker_id >= 0
    return tracked.tracker_id[confirmed].astype(np.int64), tracked.data["index"][confirmed].astype(np.int64)
