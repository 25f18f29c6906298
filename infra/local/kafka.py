"""Apache Kafka on one node (KRaft). It must not know which topics exist."""

import base64
import json
import uuid
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from string import Template

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.local.cache import build_once, key
from infra.local.java import ENVIRONMENT, RESOURCES, fetch, java_command
from infra.local.process import Daemon
from infra.local.service import accepts
from infra.local.settings import LocalSettings
from infra.local.tools import run

HASHES = (RESOURCES / "kafka.sha256").read_text()


@dataclass(frozen=True)
class Kafka:
    """The broker of the stack."""

    settings: LocalSettings
    account = None
    death_signal = "KILL"  # acknowledged records survive it, and a wedged broker ignores anything softer

    @cached_property
    def daemon(self) -> Daemon:
        """Its process."""
        return Daemon("kafka", self.settings.data_dir)

    @property
    def address(self) -> str:
        """Bootstrap server."""
        return f"127.0.0.1:{self.settings.kafka_port}"

    @property
    def software(self) -> Path:
        """The jars."""
        return self.settings.cache_dir / f"kafka-{key(HASHES)}"

    @property
    def ports(self) -> dict[str, int]:
        """Broker and controller."""
        return {"kafka_port": self.settings.kafka_port, "controller_port": self.settings.controller_port}

    def install(self) -> None:
        """Fetch the broker's jars."""
        goal = ("copy-dependencies", "-f", str(RESOURCES / "pom.xml"))
        build_once(self.software, lambda folder: fetch(folder, HASHES, *goal))

    def prepare(self) -> None:
        """Format the data folder once; write the properties at each start, as the ports may have changed."""
        build_once(self._data, self._format)
        self._properties.write_text(properties(self.settings, self._data))

    def command(self) -> list[str]:
        """The broker on its properties."""
        return [*self._java(self.settings.kafka_heap_mb), "kafka.Kafka", str(self._properties)]

    def environment(self) -> dict[str, str]:
        """Nothing of ours."""
        return ENVIRONMENT

    def problem(self) -> str:
        """Ready when the broker lists itself, which it does once it may lead partitions."""
        if not accepts(self.settings.kafka_port):
            return f"nothing listens on {self.address}"
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            known = client.list_topics(timeout=2).brokers
        except KafkaException as error:
            return str(error.args[0].str())
        return "" if known else "the broker has not joined its cluster"

    @property
    def _data(self) -> Path:
        return self.settings.data_dir / "kafka"

    @property
    def _properties(self) -> Path:
        return self.settings.data_dir / "run" / "server.properties"

    def _java(self, heap_mb: int) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={RESOURCES / 'log4j2.yaml'}"
        return [*java_command(heap_mb), logging, "-cp", f"{self.software}/*"]

    def _format(self, folder: Path) -> None:
        folder.chmod(0o700)
        self._properties.write_text(properties(self.settings, folder))
        tool = [*self._java(256), "kafka.tools.StorageTool", "format"]
        run(*tool, "-t", cluster_id(), "-c", self._properties, environment=ENVIRONMENT)


def properties(settings: LocalSettings, log_dirs: Path) -> str:
    """`server.properties` for these ports and this data folder.

    Java reads the file as Latin-1 with backslash escapes; those of a JSON string mean the same.
    """
    template = Template((RESOURCES / "server.properties").read_text())
    return template.substitute(
        kafka_port=settings.kafka_port,
        controller_port=settings.controller_port,
        log_dirs=json.dumps(str(log_dirs))[1:-1],
    )


def cluster_id() -> str:
    """A new id in Kafka's own form: a UUID in URL-safe base64, none that a command line takes for an option."""
    ids = (base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in count())
    return next(each for each in ids if not each.startswith("-"))
