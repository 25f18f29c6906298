"""Frame sources: files, RTSP cameras, webcams. None of them knows a detector or a topic."""
