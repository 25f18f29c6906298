"""docs/metrics.md, from the collectors of every process."""

from collections.abc import Iterator
from types import ModuleType

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

import aforo.processes.metrics
import graphql_api.metrics
import producers.metrics
import stream_processors.runtime.metrics
from tools.markdown import GENERATED, code, table

PROCESSES: dict[str, tuple[ModuleType, str]] = {
    "The edge": (producers.metrics, "One process for each machine with cameras."),
    "The stream processors": (
        stream_processors.runtime.metrics,
        "The cameras app and the projector, on `AFORO_PROCESS__METRICS_PORT`.",
    ),
    "The parent of several workers": (
        aforo.processes.metrics,
        "`aforo process ... --workers N`, on the port after those of its workers.",
    ),
    "The API": (graphql_api.metrics, "On `/metrics` of the API's own port."),
}
HEADER = f"""\
# Metrics

{GENERATED}
Names and labels as Prometheus sees them. Labels are bounded: cameras, topics, reasons, never tracks or people.
"""


def collectors(module: ModuleType) -> Iterator[MetricWrapperBase]:
    """The metrics a module defines."""
    return (value for value in vars(module).values() if isinstance(value, MetricWrapperBase))


def exposed_name(metric: MetricWrapperBase) -> str:
    """The name of a metric's samples; buckets, sums and counts of a histogram add their own endings."""
    (described,) = metric.describe()
    return described.name + ("_total" if isinstance(metric, Counter) else "")


def render() -> str:
    """The page: one table for each kind of process."""
    return HEADER + "".join(_process(title, *described) for title, described in PROCESSES.items())


def _process(title: str, module: ModuleType, about: str) -> str:
    return f"\n## {title}\n\n{about}\n\n" + table(
        ["Metric", "Kind", "Labels", "Meaning"], map(_row, collectors(module))
    )


def _row(metric: MetricWrapperBase) -> list[str]:
    (described,) = metric.describe()
    labels = metric._labelnames  # noqa: SLF001 - the client shows them nowhere else before a first sample
    return [code(exposed_name(metric)), described.type, ", ".join(map(code, labels)), described.documentation]
