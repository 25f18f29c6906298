import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from aforo.settings import environment_names
from tests.containers.dependencies import dependencies
from tests.containers.files import (
    DOCKERFILES,
    ROOT,
    arguments,
    dockerfile_of,
    environment,
    instructions,
    last_stage,
    ours,
    stages,
)

HADOLINT = Path(sys.executable).with_name("hadolint")

each_dockerfile = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)


def lint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "--no-color", dockerfile], capture_output=True, text=True, check=False)


def left_out(dockerfile: Path) -> set[str]:
    """The distributions that an image is built without."""
    removals = [rest.partition(" uninstall --yes ")[2] for name, rest in instructions(dockerfile) if name == "RUN"]
    return {name for names in removals for name in names.split()}


def absent_modules(dockerfile: Path) -> set[str]:
    """Top-level modules that are installed here, for development or by hand, but not in an image."""
    installed = dependencies() - left_out(dockerfile) | {"aforo"}
    owners = packages_distributions().items()
    return {module for module, names in owners if not {canonicalize_name(name) for name in names} & installed}


def test_each_deployable_has_a_dockerfile() -> None:
    assert [path.stem for path in DOCKERFILES] == ["api", "edge", "processors"]


@each_dockerfile
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    result = lint(dockerfile)
    assert (result.returncode, result.stdout) == (0, "")


def test_hadolint_refuses_a_careless_dockerfile(tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python\nRUN cd /src && pip install aforo\n")
    result = lint(careless)
    assert result.returncode == 1
    assert {"DL3006", "DL3042"} <= {word for line in result.stdout.splitlines() for word in line.split()}


@each_dockerfile
def test_nothing_is_fetched_to_read_the_dockerfile_itself(dockerfile: Path) -> None:
    assert "syntax=" not in dockerfile.read_text()


@each_dockerfile
def test_dependencies_are_locked_by_hash_and_the_project_brings_none_of_its_own(dockerfile: Path) -> None:
    locked, project = [rest for name, rest in stages(dockerfile)[0] if name == "RUN" and " install " in rest]
    assert "--require-hashes --requirement requirements.lock" in locked
    assert project.endswith("--no-deps .")


def test_the_first_stage_is_shared_so_that_it_is_built_once() -> None:
    first, *others = [stages(dockerfile)[0] for dockerfile in DOCKERFILES]
    assert others == [first, first]


@pytest.mark.parametrize("name", ours())
def test_the_process_needs_nothing_that_its_image_lacks(name: str) -> None:
    service = ours()[name]
    hidden = dict.fromkeys(absent_modules(dockerfile_of(service)))
    process = f"aforo.processes.{arguments(service)[-1]}"
    code = f"import sys; sys.modules.update({hidden}); import aforo.cli, {process}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_only_the_edge_carries_the_codecs() -> None:
    assert {path.stem for path in DOCKERFILES if "av" not in left_out(path)} == {"edge"}


@each_dockerfile
def test_the_image_runs_as_a_numbered_user_and_calls_aforo_without_a_shell(dockerfile: Path) -> None:
    image = last_stage(dockerfile)
    uid, gid = image["USER"].split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    assert json.loads(image["ENTRYPOINT"]) == ["aforo"]
    assert json.loads(image["CMD"])


@each_dockerfile
def test_what_the_image_sets_are_settings_that_exist(dockerfile: Path) -> None:
    named = {name for name in environment(dockerfile) if name.startswith("AFORO_")}
    assert named
    assert named <= environment_names()


@each_dockerfile
def test_the_health_check_asks_the_port_that_the_image_sets(dockerfile: Path) -> None:
    _, _, command = last_stage(dockerfile)["HEALTHCHECK"].partition("CMD ")
    *probe, port, path = json.loads(command)
    variables = environment(dockerfile)
    serving = variables.get("AFORO_API__PORT") or variables["AFORO_PROCESS__METRICS_PORT"]
    assert probe == ["python", "-m", "infra.docker.probe"]
    assert port == serving
    assert path == ("/readyz" if "AFORO_API__PORT" in variables else "/metrics")


@each_dockerfile
def test_what_is_copied_in_is_asked_into_the_build_context(dockerfile: Path) -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    needed = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "NOTICE", *packages}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == needed
    assert [rest for name, rest in instructions(dockerfile) if name == "COPY"][:2] == ["requirements.lock .", ". ."]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock", "README.md", "LICENSE", "NOTICE"])
def test_the_files_an_image_is_built_from_are_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_lock_pins_what_aforo_needs_to_run_and_nothing_else() -> None:
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert {canonicalize_name(name) for name in pinned} == dependencies()
