"""Where the local stack keeps its files and which ports it takes. It knows no process and no download."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
LAST_PORT = 65_535
Port = Annotated[int, Field(ge=1, le=LAST_PORT)]
BROKERS_APART = 10
MOST_BROKERS = 3


class LocalSettings(BaseModel):
    """Settings of the local stack; everything listens on 127.0.0.1 only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Folder = Field(
        default_factory=lambda: _base("XDG_DATA_HOME", ".local/share", "/var/lib"),
        description="Folder of all data, logs and the database password. Default: $XDG_DATA_HOME/aforo; under root "
        "/var/lib/aforo, because PostgreSQL gives up root and could not enter /root.",
    )
    cache_dir: Folder = Field(
        default_factory=lambda: _base("XDG_CACHE_HOME", ".cache", "/var/cache"),
        description="Folder of everything downloaded; may be deleted while the stack is down. Default: "
        "$XDG_CACHE_HOME/aforo; under root /var/cache/aforo.",
    )
    brokers: Annotated[Literal[1, 3], BeforeValidator(int)] = Field(
        default=1,
        description="Kafka brokers: 1, or 3 that each hold a copy of every record; fixed at first start.",
    )
    kafka_port: Port = Field(
        default=29092, description="Port of the Kafka broker; the second and third are 10 and 20 higher."
    )
    controller_port: Port = Field(
        default=29093,
        description="Port of Kafka's KRaft controller, used by Kafka itself; the second and third are 10 and 20 higher.",
    )
    registry_port: Port = Field(default=28081, description="Port of the schema registry.")
    registry_management_port: Port = Field(
        default=28082, description="Port of the schema registry's health checks and metrics."
    )
    postgres_port: Port = Field(default=25432, description="Port of TimescaleDB.")
    kafka_heap_mb: int = Field(default=512, ge=128, description="Largest Java heap of each Kafka broker, in MB.")
    registry_heap_mb: int = Field(default=384, ge=128, description="Largest Java heap of the schema registry, in MB.")
    postgres_account: str = Field(
        default="nobody", description="Account that PostgreSQL runs as when started by root, which PostgreSQL refuses."
    )
    durable: bool = Field(
        default=True,
        description="Whether the database waits for the disk, so that a power cut loses nothing. Off for tests, which "
        "make many databases; a killed process loses nothing either way.",
    )
    debian_mirror: str | None = Field(
        default=None,
        description="Address of a Debian mirror, for TimescaleDB and the demo footage. Default: the mirror in the "
        "host's own apt sources; needed only where the host is not Debian.",
    )

    def broker_ports(self, node: int) -> dict[str, int]:
        """Ports of broker number `node`, from 1, by the name of the setting they follow from."""
        shift = (node - 1) * BROKERS_APART
        return {"kafka_port": self.kafka_port + shift, "controller_port": self.controller_port + shift}

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        single = [self.registry_port, self.registry_management_port, self.postgres_port]
        nodes = range(1, self.brokers + 1)
        ports = [*single, *(port for node in nodes for port in self.broker_ports(node).values())]
        if len(set(ports)) < len(ports):
            raise ValueError(f"two ports of the local stack are equal: {ports}; give each its own")
        if max(ports) > LAST_PORT:
            raise ValueError(f"the third broker has no port above {LAST_PORT}; choose lower ones")
        return self


def _base(variable: str, home: str, system: str) -> Path:
    """Base folder by the XDG specification; a system folder under root."""
    if explicit := os.environ.get(variable):
        return Path(explicit) / "aforo"
    return (Path(system) if os.geteuid() == 0 else Path.home() / home) / "aforo"
