"""Apache Kafka (KRaft): one broker, or three that replicate each other. It must not know which topics exist."""

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
from infra.local.errors import OtherClusterError
from infra.local.java import ENVIRONMENT, RESOURCES, fetch, java_command
from infra.local.process import Daemon
from infra.local.service import accepts
from infra.local.settings import LocalSettings
from infra.local.tools import run

HASHES = (RESOURCES / "kafka.sha256").read_text()


@dataclass(frozen=True)
class Kafka:
    """One broker of the stack, which is a KRaft controller too. `node`: its number, from 1."""

    settings: LocalSettings
    node: int = 1
    account = None
    death_signal = "KILL"  # acknowledged records survive it, and a wedged broker ignores anything softer

    @property
    def name(self) -> str:
        """Of its process, log and data folder."""
        return "kafka" if self.node == 1 else f"kafka-{self.node}"

    @cached_property
    def daemon(self) -> Daemon:
        """Its process."""
        return Daemon(self.name, self.settings.data_dir)

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"127.0.0.1:{self.ports['kafka_port']}"

    @property
    def advertised(self) -> str:
        """Where it tells clients that it serves."""
        return self.address

    @property
    def software(self) -> Path:
        """The jars."""
        return self.settings.cache_dir / f"kafka-{key(HASHES)}"

    @property
    def ports(self) -> dict[str, int]:
        """Broker and controller."""
        return self.settings.broker_ports(self.node)

    def install(self) -> None:
        """Fetch the broker's jars."""
        goal = ("copy-dependencies", "-f", str(RESOURCES / "pom.xml"))
        build_once(self.software, lambda folder: fetch(folder, HASHES, *goal))

    def prepare(self) -> None:
        """Format the data folder once; write the properties at each start, as the ports may have changed.

        Raises:
            OtherClusterError: the data are those of another number of brokers.
        """
        cluster = _cluster(self.settings)
        build_once(self._data, lambda folder: self._format(folder, cluster))
        self._write_properties(self._data)

    def command(self) -> list[str]:
        """The broker on its properties."""
        return [*self._java(self.settings.kafka_heap_mb), "kafka.Kafka", str(self._properties)]

    def environment(self) -> dict[str, str]:
        """Nothing of ours."""
        return ENVIRONMENT

    def problem(self) -> str:
        """Ready when the broker lists itself, which it does once it may lead partitions."""
        if not accepts(self.ports["kafka_port"]):
            return f"nothing listens on {self.address}"
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            known = client.list_topics(timeout=2).brokers
        except KafkaException as error:
            return str(error.args[0].str())
        return "" if self.node in known else "the broker has not joined its cluster"

    @property
    def _data(self) -> Path:
        return self.settings.data_dir / self.name

    @property
    def _properties(self) -> Path:
        return self.settings.data_dir / "run" / f"{self.name}.properties"

    def _java(self, heap_mb: int) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={RESOURCES / 'log4j2.yaml'}"
        return [*java_command(heap_mb), logging, "-cp", f"{self.software}/*"]

    def _format(self, folder: Path, cluster: str) -> None:
        folder.chmod(0o700)
        self._write_properties(folder)
        tool = [*self._java(256), "kafka.tools.StorageTool", "format"]
        run(*tool, "-t", cluster, "-c", self._properties, environment=ENVIRONMENT)

    def _write_properties(self, log_dirs: Path) -> None:
        self._properties.write_text(properties(self, log_dirs))


def properties(broker: Kafka, log_dirs: Path) -> str:
    """`server.properties` of a broker with its data in `log_dirs`.

    Java reads the file as Latin-1 with backslash escapes; those of a JSON string mean the same.
    """
    nodes = range(1, broker.settings.brokers + 1)
    controllers = {node: broker.settings.broker_ports(node)["controller_port"] for node in nodes}
    template = Template((RESOURCES / "server.properties").read_text())
    return template.substitute(
        broker.ports,
        node=broker.node,
        voters=",".join(f"{node}@127.0.0.1:{port}" for node, port in controllers.items()),
        advertised=broker.advertised,
        log_dirs=json.dumps(str(log_dirs))[1:-1],
        copies=len(nodes),
        in_sync=max(len(nodes) - 1, 1),
    )


def _cluster(settings: LocalSettings) -> str:
    """The id of the cluster that the data folder belongs to, made at first start and fixed with the number of brokers.

    Raises:
        OtherClusterError: the data are those of another number of brokers.
    """
    file = settings.data_dir / "kafka-cluster.json"
    if not file.exists():
        brokers = 1 if (settings.data_dir / "kafka").is_dir() else settings.brokers  # there was no file before three
        file.write_text(json.dumps({"id": cluster_id(), "brokers": brokers}))
    known = json.loads(file.read_text())
    if known["brokers"] != settings.brokers:
        raise OtherClusterError(
            f"Kafka's data in {settings.data_dir} are those of {known['brokers']} broker(s), the settings ask for "
            f"{settings.brokers}. Set AFORO_LOCAL__BROKERS={known['brokers']}, or choose another AFORO_LOCAL__DATA_DIR."
        )
    return str(known["id"])


def cluster_id() -> str:
    """A new id in Kafka's own form: a UUID in URL-safe base64, none that a command line takes for an option."""
    ids = (base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in count())
    return next(each for each in ids if not each.startswith("-"))
