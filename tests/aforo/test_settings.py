"""Settings: where they come from, in which order, and what a wrong one is told."""

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from aforo.settings import PREFIX, ConfigurationError, Settings, database_url, documented, load
from tools.document_settings import env_example

PASSWORD = "correct-horse"
CAMERA = {"id": "door", "source": f"rtsp://viewer:{PASSWORD}@192.0.2.10/stream1"}

Setter = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and an environment without our names."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def nested(name: str, value: str) -> str:
    """`kafka.partitions` and 8 as YAML."""
    group, _, setting = name.partition(".")
    return f"{group}:\n  {setting}: {value}\n"


def in_environment(name: str, value: str) -> None:
    os.environ[variable(name)] = value


def in_dotenv(name: str, value: str) -> None:
    Path(".env").write_text(f"{variable(name)}='{value}'\n")


def in_yaml(name: str, value: str) -> None:
    Path("aforo.yaml").write_text(nested(name, value))


def variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


@pytest.fixture(params=[in_environment, in_dotenv, in_yaml])
def put(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Setter:
    """Sets something in one of the three places."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    setter: Setter = request.param
    return setter


# --- every setting is explained ---


def test_every_setting_is_explained_in_a_sentence() -> None:
    settings = dict(documented())
    assert len(settings) > 20
    assert [name for name, field in settings.items() if not (field.description or "").endswith((".", ";"))] == []


def test_the_example_file_as_it_is_changes_nothing() -> None:
    before = load()
    Path(".env").write_text(env_example())
    assert load() == before


def test_the_example_file_uncommented_sets_every_setting_to_its_default() -> None:
    before = load()
    lines = [line[1:] if line.startswith(f"#{PREFIX}") else line for line in env_example().splitlines()]
    Path(".env").write_text("\n".join(lines))
    assert load() == before


def test_the_example_file_names_every_setting_once() -> None:
    named = [line.partition("=")[0] for line in env_example().splitlines() if line.startswith(f"#{PREFIX}")]
    assert named == [f"#{name}" for name, _ in documented()]


# --- where they come from ---


def test_environment_beats_dotenv_beats_yaml_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().kafka.partitions == 4
    in_yaml("kafka.partitions", "5")
    assert load().kafka.partitions == 5
    in_dotenv("kafka.partitions", "6")
    assert load().kafka.partitions == 6
    monkeypatch.setenv("AFORO_KAFKA__PARTITIONS", "7")
    assert load().kafka.partitions == 7


def test_settings_of_one_group_may_come_from_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    in_yaml("kafka.replication", "3")
    in_dotenv("kafka.privacy_retention_days", "7")
    monkeypatch.setenv("AFORO_KAFKA__PARTITIONS", "7")
    kafka = load().kafka
    assert (kafka.replication, kafka.privacy_retention_days, kafka.partitions) == (3, 7, 7)


def test_three_local_brokers_keep_three_copies_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().kafka.replication == 1
    monkeypatch.setenv("AFORO_LOCAL__BROKERS", "3")
    assert load().kafka.replication == 3
    monkeypatch.setenv("AFORO_KAFKA__REPLICATION", "2")
    assert load().kafka.replication == 2


def test_the_yaml_file_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.yaml").write_text(nested("kafka.partitions", "5"))
    monkeypatch.setenv("AFORO_CONFIG", str(tmp_path / "site.yaml"))
    assert load().kafka.partitions == 5


def test_cameras_can_be_given_in_every_place(put: Setter) -> None:
    put("edge.cameras", json.dumps([CAMERA]))
    (camera,) = load().edge.cameras
    assert (camera.id, camera.source.get_secret_value()) == ("door", CAMERA["source"])


def test_empty_addresses_are_those_of_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_LOCAL__KAFKA_PORT", "23456")
    monkeypatch.setenv("AFORO_LOCAL__REGISTRY_PORT", "23457")
    settings = load()
    assert settings.kafka.bootstrap == "127.0.0.1:23456"
    assert ":23457" in settings.registry.url
    assert settings.signing.private_key == settings.local.data_dir / "keys" / "signing.pem"


def test_an_address_that_is_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_KAFKA__BOOTSTRAP", "broker:9092")
    monkeypatch.setenv("AFORO_REGISTRY__URL", "http://registry:8081")
    monkeypatch.setenv("AFORO_DATABASE__URL", "postgresql://user@database/aforo")
    monkeypatch.setenv("AFORO_SIGNING__PRIVATE_KEY", "/run/secrets/signing.pem")
    settings = load()
    assert (settings.kafka.bootstrap, settings.registry.url) == ("broker:9092", "http://registry:8081")
    assert database_url(settings) == "postgresql://user@database/aforo"
    assert settings.signing.private_key == Path("/run/secrets/signing.pem")
    assert settings.signing.trusted_keys == settings.local.data_dir / "keys" / "trusted"


def test_a_dotenv_file_may_hold_what_other_programs_read() -> None:
    Path(".env").write_text("POSTGRES_PASSWORD=letters\nAPI_ADDRESS=0.0.0.0:80\nAFORO_KAFKA__PARTITIONS=6\n")
    assert load().kafka.partitions == 6


# --- what is wrong is named ---


@pytest.mark.parametrize(("name", "wrong"), [("kafka.bootstrapp", "bootstrapp"), ("kafak.bootstrap", "kafak")])
def test_a_misspelt_name_is_refused_wherever_it_stands(put: Setter, name: str, wrong: str) -> None:
    put(name, "x")
    with pytest.raises(ConfigurationError, match=f"(?is){wrong}.*aforo config list"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka.partitions", "0"),
        ("kafka.partitions", "many"),
        ("kafka.security_protocol", "HTTPS"),
        ("api.port", "70000"),
        ("log.level", "LOUD"),
        ("local.kafka_port", "0"),
    ],
)
def test_a_wrong_value_is_refused_with_its_setting(put: Setter, name: str, value: str) -> None:
    put(name, value)
    with pytest.raises(ConfigurationError, match=rf"(?m)^  {name}: \S+"):
        load()


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_KAFKA__PARTITIONS", "0")
    monkeypatch.setenv("AFORO_API__PORT", "x")
    with pytest.raises(ConfigurationError, match=r"(?s)kafka\.partitions.*api\.port"):
        load()


@pytest.mark.parametrize("value", ["[", "door", "{}"])
def test_cameras_that_are_no_list_are_refused(put: Setter, value: str) -> None:
    put("edge.cameras", value)
    with pytest.raises(ConfigurationError, match=r"edge|aforo\.yaml"):
        load()


@pytest.mark.parametrize("text", ["kafka: [", "- kafka", "kafka: {partitions: 5}}", "just words", "kafka: \x00"])
def test_a_file_that_is_no_mapping_in_yaml_is_refused_by_name(text: str) -> None:
    Path("aforo.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"aforo\.yaml"):
        load()


@pytest.mark.parametrize("path", ["/nowhere/aforo.yaml", "/"])
def test_a_file_that_is_none_is_refused_by_name(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_CONFIG", path)
    with pytest.raises(ConfigurationError, match=f"AFORO_CONFIG names {path}, which is no file"):
        load()


def test_no_file_at_all_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    in_yaml("kafka.partitions", "5")
    monkeypatch.setenv("AFORO_CONFIG", os.devnull)
    assert load().kafka.partitions == 4


# --- secrets ---

SECRETS = [
    ("edge.cameras", json.dumps([CAMERA])),
    ("kafka.sasl_password", PASSWORD),
    ("database.url", f"timescaledb+psycopg2://aforo:{PASSWORD}@database/aforo"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_a_secret_is_not_shown(put: Setter, name: str, value: str) -> None:
    put(name, value)
    settings = load()
    assert PASSWORD not in f"{settings} {settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("edge.cameras", json.dumps([CAMERA | {"target_fps": 0}]), id="a fault beside it"),
        pytest.param("edge.cameras", json.dumps([CAMERA | {"source": f"rtsp:{PASSWORD}"}]), id="a fault in it"),
        pytest.param("edge.cameras", json.dumps([CAMERA])[:-1], id="no JSON"),
        pytest.param("edge.cameras", json.dumps([CAMERA | {"passwort": PASSWORD}]), id="in an unknown name"),
        pytest.param("database.ulr", PASSWORD, id="under a misspelt name"),
        pytest.param("database.url", f"[{PASSWORD}]", id="of another type"),
        pytest.param("kafka.sasl_password", f"*{PASSWORD}", id="that means something in YAML"),
    ],
)
def test_an_error_does_not_repeat_a_secret(put: Setter, name: str, value: str) -> None:
    put(name, value)
    try:
        assert PASSWORD not in repr(load())
    except ConfigurationError as error:
        assert PASSWORD not in "".join(traceback.format_exception(error))  # noqa: PT017 - either outcome is right, the leak is not


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().kafka = Settings().kafka  # type: ignore[misc]
