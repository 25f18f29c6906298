"""Every metric that is documented is set somewhere: a name that always says 0 would be believed."""

import re
from types import ModuleType

import pytest
from prometheus_client.metrics import MetricWrapperBase

from tools.document import HOUSE
from tools.document_metrics import PROCESSES

PACKAGES = ("aforo", "graphql_api", "producers", "stream_processors")
METRICS = [
    pytest.param(module, name, id=f"{module.__name__}.{name}")
    for module, _ in PROCESSES.values()
    for name, value in vars(module).items()
    if isinstance(value, MetricWrapperBase)
]
CODE = [
    (path, path.read_text())
    for package in PACKAGES
    for path in (HOUSE / package).rglob("*.py")
    if path.name != "metrics.py"
]


@pytest.mark.parametrize(("module", "name"), METRICS)
def test_a_metric_is_set_where_what_it_measures_happens(module: ModuleType, name: str) -> None:
    package = HOUSE / module.__name__.partition(".")[0]
    used = re.compile(rf"\b{name}\b[^\n]*\.(?:inc|dec|set|set_function|observe|time|track_inprogress)\(")
    assert any(used.search(code) for path, code in CODE if path.is_relative_to(package))
