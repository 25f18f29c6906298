"""The whole of Aforo behind relays, two workers of each kind, and ways to know that it has caught up.

It starts, watches and waits; which faults strike it, and what is sent to it, is not known here.
"""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from aforo.lag import PROJECTED, Offsets, Readers, behind
from aforo.processes import init, waiting
from aforo.settings import Settings
from infra.local.kafka import Kafka
from infra.local.service import Service, start
from infra.local.stack import READY_WITHIN_S, Stack
from schemas.registry import HttpRegistry
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import APP as CAMERAS
from stream_processors.agents.projector import APP as PROJECTOR
from tests.chaos.relay import Relay
from tests.chaos.workers import Worker
from tests.local_stack import free_ports, settings_for_tests

RECOVERED_WITHIN_S = 300.0
ANSWER_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1
HEAP_MB = 384
AWAY = (KafkaException, SQLAlchemyError, TimeoutError)  # what asking a server that is away raises
Say = Callable[[str], None]


class NotRecoveredError(RuntimeError):
    """Something did not come back in time; the message ends with the last words of the workers."""


@dataclass(frozen=True)
class RelayedKafka(Kafka):
    """A broker whose clients come through a relay."""

    relay_port: int = 0

    @property
    def advertised(self) -> str:
        """The relay's address."""
        return f"127.0.0.1:{self.relay_port}"


class Installation:
    """Everything in `folder`. `mutation`: the fault that the cameras workers are to commit, if any."""

    def __init__(self, folder: Path, *, brokers: int = 1, mutation: str = "") -> None:
        local = settings_for_tests(folder, brokers=brokers, kafka_heap_mb=HEAP_MB)
        self._stack = Stack(local)
        *kafka_ports, self._database_port = free_ports(brokers + 1)
        self.brokers = [RelayedKafka(local, node, relay_port=port) for node, port in enumerate(kafka_ports, start=1)]
        self._stack.brokers = tuple(self.brokers)
        self.database, self.registry = self._stack.timescale, self._stack.registry
        self.settings = _settings(self._stack)
        self._ending = ExitStack()
        self.cameras = [self._worker("cameras", number, AFORO_TEST_FAULT=mutation) for number in (1, 2)]
        self.projectors = [self._worker("projector", number) for number in (1, 2)]

    @property
    def workers(self) -> list[Worker]:
        """Cameras and projectors."""
        return [*self.cameras, *self.projectors]

    def start(self, say: Say) -> None:
        """Start servers and workers, and create what they need."""
        self._ending.callback(self._stack.down)
        self.kafka_relays = [self._relay(each.relay_port, each.ports["kafka_port"]) for each in self.brokers]
        self.database_relay = self._relay(self._database_port, self.settings.local.postgres_port)
        self._stack.up(say, tied=True)
        init.run(self.settings)
        self.readers = self._ending.enter_context(closing(Readers(self.settings.kafka, self.database_url)))
        for worker in self.workers:
            self._ending.callback(worker.kill)
            worker.start()

    def stop(self) -> None:
        """End everything; the data stay."""
        self._ending.close()

    @cached_property
    def wire(self) -> Wire:
        """A wire format that knows every shipped schema."""
        return waiting.wire(HttpRegistry(self.settings.registry.url))

    @property
    def database_url(self) -> str:
        """Of the database itself, not of its relay."""
        return self._stack.database_url()

    # --- waiting ---

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return when the condition holds; meanwhile workers that end are started again.

        Raises:
            NotRecoveredError: it does not within some minutes.
        """
        deadline = time.monotonic() + RECOVERED_WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                raise NotRecoveredError(f"waited {RECOVERED_WITHIN_S:.0f} s for {what}\n{self._state()}")
            for worker in self.workers:
                worker.revive()
            time.sleep(LOOK_EVERY_S)

    def caught_up(self) -> Callable[[], bool]:
        """Whether all that is in the log at the first look is folded and stored: ask until it is."""
        log: Offsets = {}
        derived: Offsets = {}

        def caught_up() -> bool:
            try:
                log.update(log or self.readers.ends([CAMERA_LOG]))
                if not derived and behind(log, self.readers.folded()) == 0:
                    derived.update(self.readers.ends(PROJECTED))
                return bool(derived) and behind(derived, self.readers.projected()) == 0
            except AWAY:
                return False

        return caught_up

    def all_take_part(self) -> bool:
        """Whether every worker has partitions."""
        try:
            shares = self._shares()
        except AWAY:
            return False
        wanted = {CAMERAS: len(self.cameras), PROJECTOR: len(self.projectors)}
        return {app: sum(map(bool, share)) for app, share in shares.items()} == wanted

    def _shares(self) -> dict[str, list[int]]:
        """How many partitions each member of each group has."""
        # A client that has lived through a longer outage of the broker gets no answer any more (librdkafka 2.16).
        admin = AdminClient(self.settings.kafka.client() | {"log_level": 2})
        described = admin.describe_consumer_groups([CAMERAS, PROJECTOR])
        return {
            app: [len(member.assignment.topic_partitions) for member in group.result(ANSWER_WITHIN_S).members]
            for app, group in described.items()
        }

    def settle(self) -> None:
        """Let everything catch up with what was sent, and end the workers as an operator would."""
        self.until(self.caught_up(), "the log to be folded and stored")
        _stop(self.cameras)
        while behind(self.readers.ends([CAMERA_LOG]), self.readers.folded()):
            # The watchdog spoke while they ended. What was folded of that, and not acknowledged, is stored all the same.
            for worker in self.cameras:
                worker.start()
            self.until(self.caught_up(), "the watchdog's last words to be folded and stored")
            _stop(self.cameras)
        derived = self.readers.ends(PROJECTED)
        self.until(lambda: behind(derived, self.readers.projected()) == 0, "the last outputs to be stored")
        _stop(self.projectors)

    def _state(self) -> str:
        """Where each reader is, and what the workers said last, for people."""
        try:
            found: dict[str, object] = {
                "behind: fold": _behind(self.readers.ends([CAMERA_LOG]), self.readers.folded()),
                "database": _behind(self.readers.ends(PROJECTED), self.readers.projected()),
                "partitions of members": self._shares(),
            }
        except AWAY as error:
            found = {"unknown": str(error)}
        said = "\n".join(f"{worker.name}:\n{worker.last_words()}" for worker in self.workers)
        return f"{found}\n{said}"

    # --- servers ---

    def kill(self, service: Service) -> None:
        """End a server by SIGKILL."""
        running = service.daemon.identity()
        assert running is not None, f"{service.daemon.name} does not run"
        os.kill(running.pid, signal.SIGKILL)

    def restart(self, service: Service) -> None:
        """Start a server that was killed, and return when it serves."""
        start(service, tied=True)
        service.daemon.await_ready(service.problem, READY_WITHIN_S)

    def _relay(self, port: int, target: int) -> Relay:
        return self._ending.enter_context(closing(Relay(port, target)))

    def _worker(self, app: str, number: int, **more: str) -> Worker:
        """The first of each kind keeps its membership of the group over a restart, the second does not."""
        name = f"{app}-{number}"
        instance = {"AFORO_PROCESS__INSTANCE": name} if number == 1 else {}
        environment = {**self._environment, **instance, **more}
        return Worker(name, ("process", app), environment, self.settings.local.data_dir / "log")

    @cached_property
    def _environment(self) -> dict[str, str]:
        settings = self.settings
        database = make_url(self.database_url).set(port=self._database_port)
        return {
            "AFORO_CONFIG": os.devnull,
            "AFORO_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "AFORO_REGISTRY__URL": settings.registry.url,
            "AFORO_DATABASE__URL": database.render_as_string(hide_password=False),
            "AFORO_SIGNING__PRIVATE_KEY": str(settings.signing.private_key),
            "AFORO_SIGNING__TRUSTED_KEYS": str(settings.signing.trusted_keys),
            "AFORO_LOCAL__DATA_DIR": str(settings.local.data_dir),
        }


def _stop(workers: list[Worker]) -> None:
    """All at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(Worker.stop, workers))


def _settings(stack: Stack) -> Settings:
    folder = stack.settings.data_dir
    return Settings.model_validate(
        {
            "local": stack.settings,
            "kafka": {"bootstrap": stack.bootstrap, "replication": stack.settings.brokers},
            "registry": {"url": stack.registry_url},
            "signing": {"private_key": folder / "keys/signing.pem", "trusted_keys": folder / "keys/trusted"},
        }
    )


def _behind(ends: Offsets, read: Offsets) -> dict[str, int]:
    """Records not read, by topic and partition."""
    left = {f"{topic}/{number}": behind({(topic, number): end}, read) for (topic, number), end in ends.items()}
    return {place: count for place, count in left.items() if count}
