"""One suite for every registry: the twin in memory and the real one over HTTP."""

import json
import uuid

import pytest

from infra.local.stack import Stack
from schemas.events import RECORDS
from schemas.provision import register_schemas
from schemas.registry import (
    HttpRegistry,
    MemoryRegistry,
    RegistryUnavailableError,
    SchemaRegistry,
    SchemaRejectedError,
    subject_of,
)
from schemas.topics import topics
from schemas.wire import Wire, parse, schema_text
from tests.local_stack import free_ports
from tests.schemas.test_wire import FRAME


@pytest.fixture(params=["memory", pytest.param("http", marks=pytest.mark.integration)])
def registry(request: pytest.FixtureRequest) -> SchemaRegistry:
    if request.param == "memory":
        return MemoryRegistry()
    stack: Stack = request.getfixturevalue("stack")
    return HttpRegistry(stack.registry_url)


@pytest.fixture
def subject() -> str:
    return f"tests-{uuid.uuid4().hex}"


def record(*fields: dict[str, object], name: str = "Sample") -> str:
    return json.dumps({"type": "record", "name": name, "namespace": "tests", "fields": list(fields)})


def test_a_schema_comes_back_by_its_id(registry: SchemaRegistry, subject: str) -> None:
    schema = record({"name": "lens", "type": "string", "doc": "Of the camera.", "default": ""})
    found = registry.schema(registry.register(subject, schema))
    assert found is not None
    assert json.loads(found) == json.loads(schema)


def test_the_same_schema_has_the_same_id_however_often_it_is_registered(registry: SchemaRegistry, subject: str) -> None:
    schema = record(name=f"Sample{uuid.uuid4().hex}")
    assert registry.register(subject, schema) == registry.register(subject, schema)


def test_another_schema_has_another_id(registry: SchemaRegistry, subject: str) -> None:
    first = registry.register(subject, record())
    assert registry.register(subject, record({"name": "lens", "type": "string", "default": ""})) != first


@pytest.mark.parametrize("schema_id", [0, 2_000_000_000, 2**31, 2**32 - 1])
def test_an_id_nobody_was_given_is_none(registry: SchemaRegistry, schema_id: int) -> None:
    """Whatever four bytes may say: else one forged record would be waited for without end."""
    assert registry.schema(schema_id) is None


@pytest.mark.parametrize("name", RECORDS)
def test_every_shipped_schema_means_the_same_when_it_comes_back(registry: SchemaRegistry, name: str) -> None:
    found = registry.schema(registry.register(subject_of(name), schema_text(name)))
    assert found is not None
    assert parse(found) == parse(schema_text(name))


def test_what_one_process_encodes_another_decodes(registry: SchemaRegistry) -> None:
    value = Wire(registry).encode(FRAME)
    assert Wire(registry).decode(value) == FRAME


# --- the real one only ---


@pytest.fixture(scope="module")
def real(stack: Stack) -> HttpRegistry:
    """The real registry with every shipped schema in it."""
    made = HttpRegistry(stack.registry_url)
    register_schemas(made)
    return made


@pytest.mark.integration
def test_a_second_process_is_given_the_same_ids(stack: Stack) -> None:
    first, second = HttpRegistry(stack.registry_url), HttpRegistry(stack.registry_url)
    for name in RECORDS:
        args = subject_of(name), schema_text(name)
        assert first.register(*args) == second.register(*args)


@pytest.mark.integration
def test_registering_everything_again_changes_nothing(real: HttpRegistry) -> None:
    before = {name: real.register(subject_of(name), schema_text(name)) for name in RECORDS}
    register_schemas(real)
    assert {name: real.register(subject_of(name), schema_text(name)) for name in RECORDS} == before


@pytest.mark.integration
def test_every_subject_has_the_compatibility_its_topic_promises(real: HttpRegistry) -> None:
    for spec in topics().values():
        for name in spec.records:
            assert real._client.get_config(subject_of(name)).compatibility_level.value == spec.compatibility


@pytest.mark.integration
@pytest.mark.parametrize("name", RECORDS)
def test_a_schema_that_breaks_what_was_released_is_refused(real: HttpRegistry, name: str) -> None:
    schema = json.loads(schema_text(name))
    schema["fields"].append({"name": "lens", "type": "string", "doc": "No default: old records lack it."})
    with pytest.raises(SchemaRejectedError, match=subject_of(name)):
        real.register(subject_of(name), json.dumps(schema))


@pytest.mark.integration
def test_a_field_with_a_default_is_accepted_and_old_code_reads_it(real: HttpRegistry, subject: str) -> None:
    real.register(subject, schema_text("FrameObserved"))
    schema = json.loads(schema_text("FrameObserved"))
    schema["fields"].append({"name": "lens", "type": "string", "doc": "Of the camera.", "default": ""})
    assert real.schema(real.register(subject, json.dumps(schema))) is not None


@pytest.fixture
def away() -> HttpRegistry:
    (port,) = free_ports(1)
    return HttpRegistry(f"http://127.0.0.1:{port}")


def test_a_registry_that_is_away_is_unavailable_and_named(away: HttpRegistry) -> None:
    with pytest.raises(RegistryUnavailableError, match=away.url):
        away.register("subject", record())
    with pytest.raises(RegistryUnavailableError, match=away.url):
        away.schema(1)
    with pytest.raises(RegistryUnavailableError, match=away.url):
        away.set_compatibility()
