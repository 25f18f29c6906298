"""A whole site on one machine for the benchmarks of the edge: a broker, cameras that show footage, and the edge."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.footage_server import encode
from infra.local.footage import vtest
from infra.local.kafka import Kafka
from infra.local.service import start
from infra.local.settings import LocalSettings
from producers.clock import SystemClock
from producers.edge import run_edge
from producers.publisher import LogEntry, SpooledCameraLog
from producers.sender import KafkaSender
from producers.settings import EdgeSettings, SpoolSettings
from schemas.events import Event
from schemas.registry import MemoryRegistry
from schemas.settings import KafkaSettings
from schemas.wire import Wire

TOPIC = "edge-benchmark"
PARTITIONS = 4
READY_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Appended:
    """A record as it is in the topic."""

    record: Event
    appended_at: int
    """UTC ms by the broker's clock."""
    detector_ms: float | None


@dataclass(slots=True)
class Scales:
    """What each process weighs (private KiB) and works (CPU seconds), sampled every few seconds."""

    memory: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    cpu_s: dict[str, float] = field(default_factory=dict)

    def weigh(self) -> None:
        """One sample."""
        pids = {child.name: child.pid for child in multiprocessing.active_children()} | {"edge": os.getpid()}
        for name, pid in pids.items():
            folder = Path(f"/proc/{pid}")
            if folder.exists():
                lines = (folder / "smaps_rollup").read_text().splitlines()
                private = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
                self.memory[name].append(private)
                ticks = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
                self.cpu_s[name] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


class Camera:
    """A server of footage, to be killed, frozen and started again."""

    def __init__(self, footage: Path) -> None:
        port = _free_port()
        self.url = f"rtsp://127.0.0.1:{port}/live"
        self._command = [sys.executable, "-m", "benchmarks.footage_server", str(port), str(footage)]
        self.start()

    def start(self) -> None:
        """Return when it serves."""
        # It ends with its input, so it cannot outlive this process.
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def freeze(self) -> None:
        """Open, but silent."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Gone."""
        self._process.kill()
        self._process.communicate()


class Site:
    """The parts, and an edge that runs until somebody sets `stop`.

    Args:
        folder: for everything.
        cameras: how many of them.
    """

    def __init__(self, folder: Path, cameras: int) -> None:
        ports = [_free_port() for _ in range(2)]
        self._settings = LocalSettings(
            data_dir=folder, kafka_port=ports[0], controller_port=ports[1], cache_dir=LocalSettings().cache_dir
        )
        (folder / "run").mkdir()
        self.broker = Kafka(self._settings)
        self.broker.install()
        self.start_broker()
        footage = folder / "footage"
        encode(vtest(self._settings.cache_dir), footage)
        self.cameras = [Camera(footage) for _ in range(cameras)]
        self.stop = threading.Event()
        self.scales = Scales()
        self.told: list[tuple[float, LogEntry]] = []
        """What the edge wrote, with the time (monotonic seconds) at which it did."""
        self.backlog: Callable[[], int] = lambda: 0
        """How many records the broker has not acknowledged."""
        self._wire = Wire(MemoryRegistry())
        self._folder = folder
        admin = AdminClient(self.kafka.client())  # which must outlive its answer
        topic = NewTopic(TOPIC, PARTITIONS, 1, config={"message.timestamp.type": "LogAppendTime"})
        admin.create_topics([topic])[TOPIC].result(30)

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings.model_validate({"bootstrap": self.broker.address})

    def start_broker(self) -> None:
        """Return when it serves."""
        start(self.broker, tied=threading.current_thread() is threading.main_thread())
        self.broker.daemon.await_ready(self.broker.problem, READY_WITHIN_S)

    def kill_broker(self) -> None:
        """As kill -9 does."""
        running = self.broker.daemon.identity()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        self.broker.daemon.stop()

    def run(self, target_fps: float, beside: Callable[[], None]) -> None:
        """Run an edge, and `beside` it something that ends with setting `stop`."""
        clock = SystemClock(self.stop)
        log = _Telling(self._wire, KafkaSender(self.kafka, topic=TOPIC), self._folder / "spool.db", clock, self.told)
        settings = EdgeSettings.model_validate(
            {
                "cameras": [
                    {"id": f"camera-{number}", "source": camera.url, "target_fps": target_fps}
                    for number, camera in enumerate(self.cameras)
                ]
            }
        )
        self.backlog = lambda: log.flush(0)
        with closing(log):
            side = threading.Thread(target=beside, daemon=True)
            side.start()
            run_edge(settings, log, self.stop)
            side.join()

    def appended(self) -> list[Appended]:
        """All of the topic, each partition in its order."""
        consumer = Consumer(self.kafka.client() | {"group.id": TOPIC, "enable.auto.commit": "false"})
        found: list[Appended] = []
        for number in range(PARTITIONS):
            partition = TopicPartition(TOPIC, number, 0)
            _, end = consumer.get_watermark_offsets(partition)
            consumer.assign([partition])
            while len(got := consumer.consume(min(500, end), 5.0)) and end:
                found += [self._appended(message) for message in got]
                if got[-1].offset() + 1 >= end:
                    break
        consumer.close()
        return found

    def close(self) -> None:
        """End the parts."""
        for camera in self.cameras:
            camera.kill()
        self.broker.daemon.stop()

    def _appended(self, message: Any) -> Appended:
        headers = dict(message.headers() or [])
        detector_ms = float(headers["detector-ms"]) if "detector-ms" in headers else None
        return Appended(self._wire.decode(message.value()), message.timestamp()[1], detector_ms)


class _Telling(SpooledCameraLog):
    """The camera log of the edge, which also tells what it was given and when."""

    def __init__(
        self, wire: Wire, sender: KafkaSender, path: Path, clock: SystemClock, told: list[tuple[float, LogEntry]]
    ) -> None:
        super().__init__(wire, sender, path, SpoolSettings(), clock)
        self._told = told

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record."""
        self._told.append((time.monotonic(), entry))
        super().append(entry, headers)


@contextmanager
def site(cameras: int) -> Iterator[Site]:
    """A site that is gone with the context."""
    with ExitStack() as stack:
        made = Site(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aforo-bench-"))), cameras)
        stack.callback(made.close)
        yield made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
