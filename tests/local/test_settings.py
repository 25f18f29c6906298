"""Settings of the local stack: wrong ones are refused with a reason."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.local.settings import LocalSettings


def test_two_equal_ports_are_refused() -> None:
    with pytest.raises(ValidationError, match="two ports of the local stack are equal"):
        LocalSettings(kafka_port=28081)


def test_a_port_that_a_further_broker_would_take_is_refused() -> None:
    LocalSettings(registry_port=29102)
    with pytest.raises(ValidationError, match="two ports of the local stack are equal"):
        LocalSettings(registry_port=29102, brokers=3)


def test_a_further_broker_without_a_port_is_refused() -> None:
    with pytest.raises(ValidationError, match="no port above 65535"):
        LocalSettings(kafka_port=65_530, brokers=3)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="kafka_prot"):
        LocalSettings.model_validate({"kafka_prot": 1})


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(ValidationError, match="registry_port"):
        LocalSettings(registry_port=port)


@pytest.mark.parametrize(
    ("user", "data_dir", "cache_dir"),
    [
        (0, "/var/lib/aforo", "/var/cache/aforo"),
        (1000, "/home/ada/.local/share/aforo", "/home/ada/.cache/aforo"),
    ],
)
def test_folders_follow_the_account(user: int, data_dir: str, cache_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr("os.geteuid", lambda: user)
    settings = LocalSettings()
    assert (settings.data_dir, settings.cache_dir) == (Path(data_dir), Path(cache_dir))


def test_folders_follow_the_xdg_variables_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert LocalSettings().data_dir == Path("/srv/data/aforo")


def test_a_folder_below_the_home_folder_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert LocalSettings(data_dir=Path("~/aforo")).data_dir == Path("/home/ada/aforo")


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in LocalSettings.model_fields.items() if not field.description] == []
