"""The schema registry (Apicurio), which keeps its schemas in PostgreSQL. It must not know which schemas exist."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from infra.local.cache import build_once, key
from infra.local.java import ENVIRONMENT, RESOURCES, fetch, java_command
from infra.local.process import Daemon
from infra.local.settings import LocalSettings
from infra.local.timescale import Timescale
from infra.local.tools import require, run

DATABASE = "apicurio"
HASHES = (RESOURCES / "registry.sha256").read_text()
ARTIFACT = "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all"


@dataclass(frozen=True)
class Registry:
    """The registry of the stack; its database must exist and serve before it starts."""

    settings: LocalSettings
    database: Timescale
    account = None
    death_signal = "KILL"  # all state is in the database

    @cached_property
    def daemon(self) -> Daemon:
        """Its process."""
        return Daemon("registry", self.settings.data_dir)

    @property
    def address(self) -> str:
        """The Confluent-compatible API."""
        return f"http://127.0.0.1:{self.settings.registry_port}/apis/ccompat/v7"

    @property
    def software(self) -> Path:
        """The unpacked application."""
        return self.settings.cache_dir / f"registry-{key(HASHES)}"

    @property
    def ports(self) -> dict[str, int]:
        """API and management."""
        names = ("registry_port", "registry_management_port")
        return {name: getattr(self.settings, name) for name in names}

    def install(self) -> None:
        """Fetch and unpack the registry."""
        build_once(self.software, _build)

    def prepare(self) -> None:
        """Nothing: it makes its own tables."""

    def command(self) -> list[str]:
        """The Quarkus application; its ports as system properties, its secrets in the environment."""
        listeners = [
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={self.settings.registry_port}",
            "-Dquarkus.management.host=127.0.0.1",
            f"-Dquarkus.management.port={self.settings.registry_management_port}",
        ]
        jar = str(self.software / "quarkus-run.jar")
        return [*java_command(self.settings.registry_heap_mb), *listeners, "-jar", jar]

    def environment(self) -> dict[str, str]:
        """Where its database is and how to log in."""
        return ENVIRONMENT | {
            "APICURIO_STORAGE_KIND": "sql",
            "APICURIO_STORAGE_SQL_KIND": "postgresql",
            "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://{self.database.address}/{DATABASE}",
            "APICURIO_DATASOURCE_USERNAME": self.database.role,
            "APICURIO_DATASOURCE_PASSWORD": self.database.password,
            "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "5",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        }

    def problem(self) -> str:
        """Ready when it lists its subjects, which needs the database."""
        try:
            answer = httpx.get(f"{self.address}/subjects", timeout=2, trust_env=False)
        except httpx.TransportError as error:
            return f"no answer from {self.address}: {error}"
        return "" if answer.is_success else f"{self.address} answers {answer.status_code}"


def _build(folder: Path) -> None:
    require("tar")
    fetch(folder, HASHES, "copy", f"-Dartifact={ARTIFACT}")
    for archive in list(folder.iterdir()):
        run("tar", "-xzf", archive, "-C", folder, "--no-same-owner")
        archive.unlink()
