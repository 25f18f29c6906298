"""What an edge measures, by Prometheus name. Values are set where they arise; serving them is the command line's affair."""

from prometheus_client import Counter, Gauge, Histogram

FRAMES = Counter("aforo_edge_frames", "Frames looked at and handed to the camera's log.", ["camera"])
SKIPPED = Counter("aforo_edge_skipped", "Frames read but not looked at, by reason.", ["camera", "reason"])
LOST = Counter("aforo_edge_source_lost", "Times a camera was lost, by reason.", ["camera", "reason"])
STREAMING = Gauge("aforo_edge_streaming", "1 while frames come from the camera, else 0.", ["camera"])
DETECTOR_SECONDS = Histogram(
    "aforo_edge_detector_seconds",
    "Time the detector spent on one frame.",
    buckets=(0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0),
)
FRAME_AGE_SECONDS = Histogram(
    "aforo_edge_frame_age_seconds",
    "From capture to the hand-over to the log, detector included.",
    ["camera"],
    buckets=(0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0),
)
RECORDS = Counter(
    "aforo_edge_records", "Records of the cameras' logs by outcome: delivered, failed, lost.", ["outcome"]
)
BLOCKED = Gauge("aforo_edge_log_blocked", "1 while the log takes no records and frames are dropped as stale, else 0.")
