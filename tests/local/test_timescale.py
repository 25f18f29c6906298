"""The database's secrets and folders, before any server runs."""

import stat
from pathlib import Path

import pytest

from infra.local.errors import FolderClosedError
from infra.local.registry import Registry
from infra.local.settings import LocalSettings
from infra.local.timescale import Timescale, require_open


@pytest.fixture
def database(tmp_path: Path) -> Timescale:
    return Timescale(LocalSettings(data_dir=tmp_path, cache_dir=tmp_path / "cache"))


def test_the_password_is_kept_for_its_owner_alone(database: Timescale, tmp_path: Path) -> None:
    assert len(database.password) >= 32
    assert stat.S_IMODE((tmp_path / "postgres.password").stat().st_mode) == 0o600
    assert Timescale(database.settings).password == database.password


def test_the_password_stands_in_the_url_and_in_no_command_line(database: Timescale) -> None:
    registry = Registry(database.settings, database)
    assert database.password in database.url("aforo", "timescaledb+psycopg2")
    assert database.password not in " ".join([*database.command(), *registry.command(), database.address])
    assert database.password not in repr([database, registry])


def test_a_power_cut_loses_nothing_unless_that_was_chosen(database: Timescale) -> None:
    assert "--fsync=on" in database.command()
    quick = database.settings.model_copy(update={"durable": False})
    assert "--fsync=off" in Timescale(quick).command()


def test_a_folder_that_the_account_cannot_enter_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(FolderClosedError, match=r"'nobody' here and cannot enter .*AFORO_LOCAL__DATA_DIR"):
        require_open([closed / "data"], "nobody")


def test_open_folders_are_accepted() -> None:
    require_open([Path("/usr/lib")], "nobody")
