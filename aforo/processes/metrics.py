"""Metrics of a process that serves nothing else, for Prometheus and for health checks, and those of a parent of workers."""

from prometheus_client import Counter, start_http_server

from stream_processors.settings import ProcessSettings

WORKER_RESTARTS = Counter(
    "aforo_worker_restarts_total", "Workers that ended unasked and were started again.", ["worker"]
)


def serve(settings: ProcessSettings, *, above: int = 0) -> None:
    """Serve them in a thread, when a port is set: on that one, or so many above it."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port + above, addr=settings.metrics_host)
