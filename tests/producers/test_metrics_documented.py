import re
from pathlib import Path

from prometheus_client import REGISTRY

import producers.metrics

DOCS = Path(__file__).parents[2] / "docs" / "detectors.md"


def test_every_metric_of_the_edge_is_documented_and_no_other() -> None:
    assert producers.metrics
    suffix = {"counter": "_total", "gauge": "", "histogram": ""}
    kept = {metric.name + suffix[metric.type] for metric in REGISTRY.collect() if metric.name.startswith("aforo_edge_")}
    assert set(re.findall(r"^\| `(aforo_edge_\w+)`", DOCS.read_text(), re.MULTILINE)) == kept
