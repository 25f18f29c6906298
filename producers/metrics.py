"""What an edge measures, by Prometheus name. Values are set where they arise; serving them is the command line's affair."""

from prometheus_client import Counter, Gauge, Histogram

FRAMES = Counter(
    "aforo_edge_frames", "Frames handed to the camera's log, looked at or watched by the motion gate.", ["camera"]
)
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
FPS_CAP = Gauge("aforo_edge_fps_cap", "Frames a second each camera may have looked at; 60 while the detector keeps up.")
FPS_CAP.set(60)
RESTING = Gauge(
    "aforo_edge_resting", "1 while the camera rests because the detector cannot keep up, else 0.", ["camera"]
)
RESTARTS = Counter("aforo_edge_restarts", "Processes that died and were started again: capture, detection.", ["worker"])
RECORDS = Counter(
    "aforo_edge_records",
    "Records of the cameras' logs by what the broker made of them: delivered, refused.",
    ["outcome"],
)
DROPPED = Counter("aforo_edge_dropped", "Records given up before the broker had them, by reason.", ["camera", "reason"])
SPOOL_MESSAGES = Gauge("aforo_edge_spool_messages", "Records the broker has not acknowledged, on disk or in memory.")
SPOOL_BYTES = Gauge("aforo_edge_spool_bytes", "What the spool takes of the disk.")
SPOOL_USABLE = Gauge("aforo_edge_spool_usable", "1 while the disk takes records, 0 while they wait in memory.")
SPOOL_FAULTS = Counter("aforo_edge_spool_faults", "Faults of the spool: disk (full or failing), damaged.", ["kind"])
PICTURES = Counter("aforo_edge_pictures", "Pictures encoded for people, with boxes drawn or not.", ["camera", "boxes"])
CONFIGURATION_REVISION = Gauge(
    "aforo_edge_configuration_revision",
    "The newest revision of a camera's configuration that was heard of.",
    ["camera"],
)
CONFIGURATION_FAULTY = Gauge(
    "aforo_edge_configuration_faulty", "1 while that revision cannot be used and the one before is, else 0.", ["camera"]
)
UNREADABLE = Counter("aforo_edge_unreadable_events", "Events of the control plane that nobody could decode.")
