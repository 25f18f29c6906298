"""Programs of the host: a missing one is named with its cure, and installed where that is wanted."""

import os
from pathlib import Path

import pytest

from infra.local import tools
from infra.local.errors import MissingToolError, ToolFailedError


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with all but Maven, whose apt-get can install just that; its calls are in `calls`."""
    for name in ("dpkg-deb", "setpriv"):
        program(tmp_path / name, "")
    program(tmp_path / "apt-get", f'echo "$*" >> {tmp_path}/calls\n[ "$1" = update ] || /bin/cp "$0" {tmp_path}/mvn')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        tools, "PACKAGES", {name: tools.PACKAGES[name] for name in ("mvn", "apt-get", "dpkg-deb", "setpriv")}
    )
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.usefixtures("host")
def test_a_missing_program_is_named_with_what_to_install() -> None:
    with pytest.raises(MissingToolError, match=r"missing on this machine: mvn\..*apt-get install maven$"):
        tools.ensure_tools(install=False, progress=print)


def test_root_installs_what_is_missing_and_nothing_else(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    told: list[str] = []
    tools.ensure_tools(install=True, progress=told.append)
    assert told == ["installing maven"]
    assert (host / "calls").read_text() == "update\ninstall -y --no-install-recommends maven\n"


def test_others_than_root_are_told_instead(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingToolError, match="maven"):
        tools.ensure_tools(install=True, progress=print)
    assert not (host / "calls").exists()


def test_a_program_that_fails_is_reported_with_its_last_words() -> None:
    with pytest.raises(ToolFailedError, match=r"sh ended with code 3:\n    first\n    last"):
        tools.run("sh", "-c", "echo first; echo last >&2; exit 3")


def test_an_account_that_does_not_exist_is_named_with_its_setting() -> None:
    with pytest.raises(MissingToolError, match=r"'nobody-at-all'.*postgres_account"):
        tools.as_account("nobody-at-all")


def test_nothing_to_drop_and_nothing_to_tie_needs_no_program() -> None:
    assert [*tools.as_account(None), *tools.tied_to_us(None)] == []
