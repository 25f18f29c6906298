"""Reads the container files of the repository into plain data, strictly enough that a misspelt key is an error."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.kafka.yml"
DOCKERFILES = sorted((ROOT / "infra" / "docker").glob("*.Dockerfile"))

Instruction = tuple[str, str]
Names = Annotated[dict[str, object], BeforeValidator(lambda given: given or {})]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(Strict):
    context: str
    dockerfile: str


class Healthcheck(Strict):
    test: list[str] = []
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    retries: int = 0
    disable: bool = False


class Dependency(Strict):
    condition: Literal["service_healthy", "service_completed_successfully"]


class Service(Strict):
    image: str
    build: Build | None = None
    command: list[str] = []
    environment: dict[str, str | int | None] = {}
    volumes: list[str] = []
    networks: list[str]
    ports: list[str] = []
    tmpfs: list[str]
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    restart: Literal["unless-stopped", "no"]
    read_only: bool
    security_opt: list[str]
    cap_drop: list[str] = []
    logging: dict[str, str]
    shm_size: str = ""
    stop_grace_period: str = ""


class Network(Strict):
    internal: bool = False


class Compose(Strict):
    name: str
    services: dict[str, Service]
    networks: dict[str, Annotated[Network, BeforeValidator(lambda given: given or {})]]
    volumes: Names


def parse_compose(text: str) -> Compose:
    """The compose file without its `x-` anchors; an unknown key anywhere is a ValidationError."""
    document = yaml.safe_load(text)
    return Compose.model_validate({key: value for key, value in document.items() if not key.startswith("x-")})


@cache
def compose() -> Compose:
    """The compose file of the repository."""
    return parse_compose(COMPOSE_FILE.read_text())


@cache
def instructions(dockerfile: Path) -> list[Instruction]:
    """Each instruction of a Dockerfile with its arguments, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def stages(dockerfile: Path) -> list[list[Instruction]]:
    """The instructions of each build stage, its FROM included."""
    found: list[list[Instruction]] = []
    for instruction in instructions(dockerfile):
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def last_stage(dockerfile: Path) -> dict[str, str]:
    """What the image is: the arguments of each instruction of the last stage; the last of a kind counts."""
    return dict(stages(dockerfile)[-1])


def environment(dockerfile: Path) -> dict[str, str]:
    """The variables that an image sets."""
    return dict(pair.split("=", 1) for pair in last_stage(dockerfile)["ENV"].split())


def ours() -> dict[str, Service]:
    """The services that run Aforo's own images."""
    return {name: service for name, service in compose().services.items() if service.image.startswith("aforo-")}


def dockerfile_of(service: Service) -> Path:
    """The Dockerfile of one of our images, by the service that builds it."""
    (build,) = [each.build for each in ours().values() if each.build and each.image == service.image]
    return ROOT / build.context / build.dockerfile


def arguments(service: Service) -> list[str]:
    """What `aforo` is called with in a service of ours."""
    return service.command or yaml.safe_load(last_stage(dockerfile_of(service))["CMD"])
