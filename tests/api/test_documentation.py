"""The page for authors of clients names all there is, and its examples fit the schema."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate
from prometheus_client.metrics import MetricWrapperBase

from graphql_api import errors, metrics
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)


def kinds(base: type[errors.ApiError]) -> list[type[errors.ApiError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("code", sorted({kind.code for kind in kinds(errors.ApiError)}))
def test_every_error_code_is_explained(code: str) -> None:
    assert f"| `{code}` |" in PAGE


@pytest.mark.parametrize("metric", [made for made in vars(metrics).values() if isinstance(made, MetricWrapperBase)])
def test_every_metric_is_named(metric: MetricWrapperBase) -> None:
    family = next(iter(metric.describe()))
    assert f"`{family.name}" in PAGE


@pytest.mark.parametrize("name", ApiSettings.model_fields)
def test_every_setting_is_named_and_explains_itself(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert ApiSettings.model_fields[name].description


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_fits_the_schema(example: str) -> None:
    assert validate(api_schema()._schema, parse(example)) == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 8
