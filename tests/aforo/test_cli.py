"""The command line: every command explains itself, and what is wrong ends it with one clear message."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner, Result

from aforo.cli import main
from aforo.settings import PREFIX, documented


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, an environment without our names, and logging as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def aforo(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


def test_the_commands_the_readme_speaks_of_exist() -> None:
    known = {" ".join(path) for path in commands(main)}
    assert {
        "up",
        "down",
        "status",
        "init",
        "demo",
        "edge",
        "process cameras",
        "process projector",
        "api",
        "config check",
    } <= known


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_says_what_it_does(path: tuple[str, ...], flag: str) -> None:
    result = aforo(*path, flag)
    assert result.exit_code == 0
    usage, _, meaning = result.output.partition("\n\n")
    assert usage.startswith("Usage: ")
    assert not meaning.lstrip().startswith("Options:")


def test_the_version_is_the_distributions() -> None:
    result = aforo("--version")
    assert result.exit_code == 0
    assert result.output.strip()[-1].isdigit()


def test_config_list_shows_every_setting_with_its_meaning() -> None:
    result = aforo("config", "list")
    assert result.exit_code == 0
    missing = [
        name for name, field in documented() if name not in result.output or field.description[:40] not in result.output
    ]
    assert missing == []


def test_config_list_works_while_the_settings_are_wrong() -> None:
    assert aforo("config", "list", AFORO_KAFKA__PARTITIONS="0").exit_code == 0


def test_config_check_says_where_the_settings_lead() -> None:
    result = aforo("config", "check", AFORO_KAFKA__BOOTSTRAP="broker:9092", AFORO_REGISTRY__URL="http://registry:8081")
    assert result.exit_code == 0
    assert "broker:9092" in result.output
    assert "http://registry:8081" in result.output
    assert "0 cameras" in result.output


def test_config_check_does_not_show_secrets() -> None:
    result = aforo(
        "config",
        "check",
        AFORO_KAFKA__SASL_PASSWORD="hidden",
        AFORO_DATABASE__URL="postgresql://aforo:hidden@database/aforo",
        AFORO_EDGE__CAMERAS='[{"id": "door", "source": "rtsp://viewer:hidden@192.0.2.10/"}]',
    )
    assert result.exit_code == 0
    assert "1 cameras" in result.output
    assert "hidden" not in result.output


@pytest.mark.parametrize(
    "path", [["config", "check"], ["up"], ["down"], ["status"], ["init"], ["edge"], ["api"]], ids=" ".join
)
def test_wrong_settings_end_a_command_with_the_name_of_the_setting(path: list[str]) -> None:
    result = aforo(*path, AFORO_KAFKA__PARTITIONS="0")
    assert result.exit_code == 1
    assert result.output.startswith("Error: wrong settings:\n  kafka.partitions: ")
    assert len(result.output.splitlines()) == 2


def test_a_misspelt_variable_ends_a_command_in_one_line() -> None:
    result = aforo("config", "check", AFORO_KAFKA__BOOTSTRAPP="broker:9092")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "Error: unknown settings: AFORO_KAFKA__BOOTSTRAPP; `aforo config list` shows all names"
    ]


def test_an_edge_without_cameras_says_how_to_add_one() -> None:
    result = aforo("edge")
    assert result.exit_code == 1
    assert result.output.startswith("Error: no cameras: add them to aforo.yaml")


def test_an_unknown_command_is_refused() -> None:
    result = aforo("proces")
    assert result.exit_code == 2
    assert "No such command 'proces'" in result.output
