import tomllib
from pathlib import Path

import click
import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from aforo.cli import main
from aforo.settings import environment_names
from infra.local.java import RESOURCES
from infra.local.kafka import Kafka, properties
from infra.local.registry import ARTIFACT, Registry
from infra.local.settings import LocalSettings
from infra.local.timescale import Timescale
from tests.containers.files import (
    COMPOSE_FILE,
    DOCKERFILES,
    ROOT,
    Service,
    arguments,
    compose,
    dockerfile_of,
    environment,
    last_stage,
    ours,
    parse_compose,
)

SERVICES = compose().services
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
each_of_ours = pytest.mark.parametrize("service", ours().values(), ids=ours())


def command_named(words: list[str]) -> click.Command:
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group), f"aforo {' '.join(words)}: {command.name} has no commands"
        command = command.commands[word]
    return command


def server_properties(folder: Path) -> dict[str, str]:
    lines = properties(Kafka(LocalSettings(data_dir=folder), node=1), folder).splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_a_misspelt_key_is_refused() -> None:
    text = COMPOSE_FILE.read_text()
    with pytest.raises(ValidationError, match="depend_on"):
        parse_compose(text.replace("depends_on:", "depend_on:", 1))


def test_all_parts_are_there() -> None:
    assert set(SERVICES) == {
        "kafka",
        "registry",
        "timescaledb",
        "init",
        "edge",
        "cameras",
        "projector",
        "replays",
        "api",
    }


# what runs


@each_of_ours
def test_our_services_call_commands_that_exist(service: Service) -> None:
    command = command_named(arguments(service))
    assert not isinstance(command, click.Group) or command.invoke_without_command


def test_every_dockerfile_is_built_once_and_carries_the_version_of_the_project() -> None:
    built = [service for service in ours().values() if service.build]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert sorted(map(dockerfile_of, built)) == DOCKERFILES
    assert {service.image.partition(":")[2] for service in ours().values()} == {version}


def test_upstream_images_carry_a_version() -> None:
    upstream = [
        service.image.rpartition(":")[2] for service in SERVICES.values() if not service.image.startswith("aforo-")
    ]
    assert all(tag[:1].isdigit() for tag in upstream)
    assert len(upstream) == 3


def test_kafka_and_the_registry_have_the_versions_that_the_tests_run_on() -> None:
    assert f"<version>{SERVICES['kafka'].image.rpartition(':')[2]}</version>" in (RESOURCES / "pom.xml").read_text()
    assert SERVICES["registry"].image.rpartition(":")[2] == ARTIFACT.split(":")[2]


# settings


@each_of_ours
def test_our_services_set_settings_that_exist(service: Service) -> None:
    assert set(service.environment) <= environment_names()


@each_service
def test_no_secret_stands_in_the_file(service: Service) -> None:
    for name, value in service.environment.items():
        if "PASSWORD" in name or name in {"AFORO_DATABASE__URL", "AFORO_EDGE__CAMERAS"}:
            assert ":?set it in .env" in str(value)


def test_kafka_is_configured_like_the_broker_that_the_tests_run_on(tmp_path: Path) -> None:
    of_the_place = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"}
    wanted = {
        "KAFKA_" + name.upper().replace(".", "_"): value
        for name, value in server_properties(tmp_path).items()
        if name not in of_the_place
    }
    found = SERVICES["kafka"].environment
    assert {name: str(found.get(name)) for name in wanted} == wanted


def test_kafka_makes_no_topic_by_itself() -> None:
    assert SERVICES["kafka"].environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_registry_is_configured_like_the_one_that_the_tests_run_on(tmp_path: Path) -> None:
    settings = LocalSettings(data_dir=tmp_path)
    local = Registry(settings, Timescale(settings)).environment()
    of_the_place = {"APICURIO_DATASOURCE_URL", "APICURIO_DATASOURCE_PASSWORD"}
    wanted = {name: value for name, value in local.items() if name.startswith("APICURIO_") and name not in of_the_place}
    found = SERVICES["registry"].environment
    assert wanted
    assert {name: str(found.get(name)) for name in wanted} == wanted


def test_addresses_name_the_services_and_their_ports() -> None:
    kafka, cameras = SERVICES["kafka"].environment, SERVICES["cameras"].environment
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{cameras['AFORO_KAFKA__BOOTSTRAP']}"
    assert cameras["AFORO_REGISTRY__URL"] == "http://registry:8080/apis/ccompat/v7"
    for name in ("init", "projector", "replays", "api"):
        text = str(SERVICES[name].environment["AFORO_DATABASE__URL"])
        url = make_url(text.replace("${POSTGRES_PASSWORD:?set it in .env, letters and digits only}", "secret"))
        postgres = SERVICES["timescaledb"].environment
        assert (url.host, url.port) == ("timescaledb", 5432)
        assert (url.username, url.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])


def test_the_registry_uses_a_database_that_the_server_makes() -> None:
    (mounted,) = [each for each in SERVICES["timescaledb"].volumes if "/docker-entrypoint-initdb.d/" in each]
    assert "CREATE DATABASE apicurio" in (ROOT / mounted.partition(":")[0]).read_text()
    assert str(SERVICES["registry"].environment["APICURIO_DATASOURCE_URL"]).endswith("timescaledb:5432/apicurio")


# order


def test_topics_schemas_keys_and_tables_are_made_before_anything_uses_them() -> None:
    assert arguments(SERVICES["init"]) == ["init"]
    assert {name: each.condition for name, each in SERVICES["init"].depends_on.items()} == {
        "kafka": "service_healthy",
        "registry": "service_healthy",
        "timescaledb": "service_healthy",
    }
    for name in ("edge", "cameras", "projector", "replays", "api"):
        assert SERVICES[name].depends_on["init"].condition == "service_completed_successfully"


@each_service
def test_what_is_waited_for_exists(service: Service) -> None:
    assert set(service.depends_on) <= set(SERVICES)


@each_service
def test_every_service_has_a_health_check_or_ends_by_itself(service: Service) -> None:
    one_shot = service.restart == "no"
    if one_shot:
        assert service.healthcheck is not None
        assert service.healthcheck.disable
    elif service.image.startswith("aforo-"):
        assert service.healthcheck is None  # nothing overrides the image's own
        assert "HEALTHCHECK" in last_stage(dockerfile_of(service))
    else:
        assert service.healthcheck is not None
        assert service.healthcheck.test[0] == "CMD"


# walls


@each_service
def test_every_root_is_read_only_and_no_process_gains_rights(service: Service) -> None:
    assert service.read_only
    assert service.security_opt == ["no-new-privileges:true"]
    assert any(each.split(":")[0] == "/tmp" for each in service.tmpfs)


@each_of_ours
def test_our_processes_have_no_capability(service: Service) -> None:
    assert service.cap_drop == ["ALL"]


def test_only_the_api_is_published_and_only_to_this_machine_by_default() -> None:
    published = {name: service.ports for name, service in SERVICES.items() if service.ports}
    port = environment(dockerfile_of(SERVICES["api"]))["AFORO_API__PORT"]
    assert published == {"api": [f"${{API_ADDRESS:-127.0.0.1:8080}}:{port}"]}


def test_only_the_edge_and_the_api_have_a_way_outside() -> None:
    inside = {name for name, network in compose().networks.items() if network.internal}
    outside = {name for name, service in SERVICES.items() if not set(service.networks) <= inside}
    assert outside == {"edge", "api"}


def test_the_edge_has_no_signing_key_and_no_way_to_the_database() -> None:
    edge = SERVICES["edge"]
    assert not edge.volumes
    assert not set(edge.networks) & set(SERVICES["timescaledb"].networks)
    assert not {name for name in edge.environment if name.startswith(("AFORO_SIGNING", "AFORO_DATABASE"))}


def test_the_api_the_cameras_app_and_init_share_the_signing_keys() -> None:
    holders = {name for name, service in SERVICES.items() if "keys:/var/lib/aforo/keys" in service.volumes}
    assert holders == {"init", "cameras", "replays", "api"}
    for name in holders:
        variables = environment(dockerfile_of(SERVICES[name]))
        assert variables["AFORO_SIGNING__PRIVATE_KEY"].startswith("/var/lib/aforo/keys/")
        assert variables["AFORO_SIGNING__TRUSTED_KEYS"].startswith("/var/lib/aforo/keys/")


@each_service
def test_data_are_kept_in_named_volumes(service: Service) -> None:
    sources = {each.partition(":")[0] for each in service.volumes}
    assert {source for source in sources if not source.startswith("./")} <= set(compose().volumes)
    assert all((ROOT / source).is_file() for source in sources if source.startswith("./"))


def test_the_cameras_app_can_have_replicas() -> None:
    cameras = SERVICES["cameras"]
    assert not cameras.ports
    assert "AFORO_PROCESS__INSTANCE" not in cameras.environment
