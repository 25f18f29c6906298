"""All settings in one place: environment over `.env` over `aforo.yaml` over defaults, every name checked.

`AFORO_KAFKA__BOOTSTRAP` sets `kafka.bootstrap`. Addresses left empty are those of the local stack.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from aforo.logs import LogSettings
from graphql_api.settings import ApiSettings
from infra.local.settings import LocalSettings
from infra.local.stack import Stack
from producers.settings import EdgeSettings
from schemas.settings import KafkaSettings, RegistrySettings, SigningSettings, StrictModel
from stream_processors.runtime import fail_points
from stream_processors.settings import ProcessSettings

PREFIX = "AFORO_"
NESTED = "__"
CONFIG_FILE = "AFORO_CONFIG"
# Read by single commands, by the Makefile or for tests, not settings of the product.
COMMAND_VARIABLES = {CONFIG_FILE, "AFORO_DEMO_SECONDS"} | fail_points.VARIABLES


class ConfigurationError(Exception):
    """The settings are wrong; the message names each fault and its setting."""


class DatabaseSettings(StrictModel):
    """TimescaleDB or PostgreSQL."""

    url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy address, timescaledb+psycopg2://user:password@host:port/aforo. Empty: the local stack's.",
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_ignore_empty=True,
        env_file=".env",
        dotenv_filtering="match_prefix",  # docker compose keeps names of its own in the same file
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="The broker and its topics.")
    registry: RegistrySettings = Field(default_factory=RegistrySettings, description="The schema registry.")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings, description="The read models.")
    signing: SigningSettings = Field(default_factory=SigningSettings, description="Keys of commands.")
    edge: EdgeSettings = Field(default_factory=EdgeSettings, description="The cameras of this machine.")
    process: ProcessSettings = Field(default_factory=ProcessSettings, description="The stream processors.")
    api: ApiSettings = Field(default_factory=ApiSettings, description="GraphQL and REST.")
    local: LocalSettings = Field(default_factory=LocalSettings, description="The local stack without Docker.")
    log: LogSettings = Field(default_factory=LogSettings, description="Logging.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values, then the environment, `.env`, and the YAML file."""
        return init_settings, env_settings, dotenv_settings, _yaml(settings_cls), file_secret_settings


def load() -> Settings:
    """The settings in force, with empty addresses filled in from the local stack.

    Raises:
        ConfigurationError: an unknown name or a wrong value, each with its setting.
    """
    _refuse_unknown_variables()
    try:
        return _with_local_stack(Settings())
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(["wrong settings:", *map(_told, error.errors(include_input=False))])
        ) from error
    except SettingsError as error:
        raise ConfigurationError(f"settings cannot be read: {error}") from error


def environment_names() -> set[str]:
    """Every environment variable that sets something."""
    return {name for name, _ in documented()}


def documented(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, Any]]:
    """Each setting's environment variable and its pydantic field, in the order of the classes."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from documented(field.annotation, variable + NESTED)
        else:
            yield variable, field


def _told(fault: ErrorDetails) -> str:
    unknown = fault["type"] == "extra_forbidden"
    what = "no such setting; `aforo config list` shows all names" if unknown else fault["msg"]
    return f"  {'.'.join(map(str, fault['loc']))}: {what}"


def _yaml(settings: type[BaseSettings]) -> YamlConfigSettingsSource:
    path = _config_file()
    try:
        return YamlConfigSettingsSource(settings, yaml_file=path)
    except (YAMLError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else path
        # The parser's own words may repeat a secret.
        raise ConfigurationError(f"{place}: settings must be a mapping in YAML") from None


def _config_file() -> Path:
    path = Path(os.environ.get(CONFIG_FILE, "aforo.yaml"))
    if CONFIG_FILE in os.environ and (path.is_dir() or not path.exists()):
        raise ConfigurationError(f"{CONFIG_FILE} names {path}, which is no file")
    return path


def _refuse_unknown_variables() -> None:
    """A misspelt variable would silently do nothing."""
    known = environment_names() | COMMAND_VARIABLES
    groups = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known | groups)
    if unknown:
        raise ConfigurationError(f"unknown settings: {', '.join(unknown)}; `aforo config list` shows all names")


def _with_local_stack(settings: Settings) -> Settings:
    stack = Stack(settings.local)
    update: dict[str, Any] = {}
    if not settings.kafka.bootstrap:
        local = {"replication": settings.local.brokers} | settings.kafka.model_dump(exclude_unset=True)
        update["kafka"] = KafkaSettings.model_validate(local | {"bootstrap": stack.bootstrap})
    if not settings.registry.url:
        update["registry"] = settings.registry.model_copy(update={"url": stack.registry_url})
    keys = settings.local.data_dir / "keys"
    update["signing"] = SigningSettings(
        private_key=settings.signing.private_key or keys / "signing.pem",
        trusted_keys=settings.signing.trusted_keys or keys / "trusted",
    )
    return settings.model_copy(update=update)


def database_url(settings: Settings) -> str:
    """The database's address, password included: not for logs."""
    return settings.database.url.get_secret_value() or Stack(settings.local).database_url()
