"""Every metric of the stream processors, by name. Labels are bounded: cameras, topics and reasons, never tracks."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_S = (0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.4, 0.7, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)

CONSUMER_LAG = Gauge(
    "aforo_consumer_lag_messages",
    "Records of the worker's own partitions that it has not taken, as it learned with the last records it was given.",
    ["topic", "partition"],
)
RECORDS_READ = Counter("aforo_records_read_total", "Records taken from the camera log.", ["partition"])
RECORDS_REFUSED = Counter("aforo_records_refused_total", "Records not folded, by reason.", ["reason"])
FRAMES_FOLDED = Counter("aforo_frames_processed_total", "Frames the fold accepted.", ["camera"])
OUTPUTS = Counter("aforo_outputs_total", "Records written to derived topics.", ["topic"])
DEAD_LETTERS = Counter("aforo_dead_letters_total", "Records set aside as raw bytes.", ["app", "reason"])
CHECKPOINTS = Counter("aforo_checkpoints_total", "Checkpoints made durable.", ["partition"])
CHECKPOINT_SECONDS = Histogram(
    "aforo_checkpoint_seconds",
    "Time to make a checkpoint durable, when there was something to store.",
    buckets=_LATENCY_S,
)
SNAPSHOT_BYTES = Counter("aforo_snapshot_bytes_total", "States written to the changelog, in bytes.")
QUARANTINED = Gauge("aforo_camera_quarantined", "1 while a camera's frames are refused untried.", ["camera"])
RECOVERY_SECONDS = Histogram("aforo_recovery_seconds", "Time to take up newly assigned partitions.", buckets=_LATENCY_S)
RECOVERY_BYTES = Counter("aforo_recovery_read_bytes_total", "Bytes read from the state changelog at recovery.")
STATES_REBUILT = Counter(
    "aforo_states_rebuilt_total", "States that were behind what was published and were made again from the log."
)
STRETCHES_LOST = Counter(
    "aforo_log_stretches_lost_total", "Stretches of the camera log that were gone before they were in any state."
)
SNAPSHOTS_REJECTED = Counter("aforo_snapshots_rejected_total", "Stored states that could not be used.", ["reason"])
WATERMARK = Gauge("aforo_camera_watermark_seconds", "Event time of the last accepted frame, Unix seconds.", ["camera"])
FOLD_SECONDS = Histogram("aforo_fold_seconds", "Processor time to fold one batch.", buckets=_LATENCY_S)
PIPELINE_LATENCY = Histogram(
    "aforo_pipeline_latency_seconds",
    "From a record's append to the camera log, by the broker's clock, to when all that follows from it is durable, by ours.",
    buckets=_LATENCY_S,
)
PROJECTED = Counter("aforo_projected_records_total", "Records written to the database.", ["topic"])
PROJECTION_LAG = Gauge(
    "aforo_projection_lag_seconds",
    "Age of the oldest record that is being written to the database, waits included; between writes, of the newest that was.",
    ["topic"],
)
PROJECTION_RETRIES = Counter("aforo_projection_retries_total", "Writes tried again, by reason.", ["reason"])
WAITING = Counter("aforo_dependency_waits_total", "Waits for a service that was away.", ["service"])
REPLAY_RUNS = Counter("aforo_replay_runs_total", "What became of replay runs that a worker took.", ["outcome"])
