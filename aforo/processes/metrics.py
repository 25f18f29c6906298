"""Metrics of a process that serves nothing else, for Prometheus and for health checks."""

from prometheus_client import start_http_server

from stream_processors.settings import ProcessSettings


def serve(settings: ProcessSettings) -> None:
    """Serve them in a thread, when a port is set."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
