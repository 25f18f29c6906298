"""The zones, and the tracker with zones, that a user would pick instead: `supervision` and `trackers`, with their defaults.

They get arrays that are ready, as Aforo's zone part does; making them is not counted. They measure no dwell and no minutes.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.fold_scene import FPS, HEIGHT, LINES, WIDTH
from benchmarks.zones import Tracked, parsed
from schemas.events import FrameObserved, Zone

try:
    import supervision as sv
    import trackers
except ImportError:  # of the `benchmark` extra
    sv = trackers = None


def missing() -> str:
    """What to do for the yardsticks; empty when they are there."""
    return "" if sv else "pip install 'aforo[benchmark]'"


def zone_seconds(log: Sequence[Tracked], defined: tuple[Zone, ...]) -> float | None:
    """Process time of supervision's PolygonZone and LineZone on known tracks; None without it."""
    if missing():
        return None
    ready = [
        sv.Detections(xyxy=boxes, confidence=np.ones(len(boxes)), class_id=np.zeros(len(boxes), int), tracker_id=number)
        for _, number, boxes in (frame.seen[-1] for frame in log)
    ]
    trigger = _zones(defined)
    began = time.process_time()
    for detections in ready:
        trigger(detections)
    return time.process_time() - began


def fold_seconds(log: Sequence[FrameObserved], defined: tuple[Zone, ...]) -> float | None:
    """Process time of ByteTrack of `trackers` followed by the same zones; None without them."""
    if missing():
        return None
    tracker, trigger = trackers.ByteTrackTracker(frame_rate=FPS), _zones(defined)
    ready = [
        sv.Detections(xyxy=frame.boxes, confidence=frame.scores, class_id=np.zeros(len(frame.scores), int))
        for frame in map(parsed, log)
    ]
    began = time.process_time()
    for detections in ready:
        trigger(tracker.update(detections))
    return time.process_time() - began


def _zones(defined: tuple[Zone, ...]) -> Callable[[Any], None]:
    """The same zones and line, decided by the middle of the lower edge as Aforo's are."""
    size, foot = np.array([WIDTH, HEIGHT]), [sv.Position.BOTTOM_CENTER]
    polygons = [
        sv.PolygonZone(polygon=np.rint(np.array(zone.polygon) * size).astype(int), triggering_anchors=foot)
        for zone in defined
    ]
    lines = [sv.LineZone(*(sv.Point(*(np.array(end) * size)) for end in line.points), foot) for line in LINES]

    def trigger(detections: Any) -> None:
        for each in (*polygons, *lines):
            each.trigger(detections)

    return trigger
