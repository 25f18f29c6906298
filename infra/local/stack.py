"""The local stack as a whole: what depends on what, and in which order it starts and ends."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from infra.local import registry, timescale
from infra.local.kafka import Kafka
from infra.local.lock import exclusive
from infra.local.registry import Registry
from infra.local.service import Service, ServiceStatus, require_free, start, status
from infra.local.settings import MOST_BROKERS, LocalSettings
from infra.local.timescale import Timescale

READY_WITHIN_S = 90.0
# One `up` or `down` at a time; a cold `up` of somebody else may be fetching.
TURN_WAIT_S = 900.0


class Stack:
    """Kafka, schema registry and TimescaleDB on 127.0.0.1, in the folders and on the ports of `settings`."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.timescale = Timescale(settings)
        self.brokers = tuple(Kafka(settings, node) for node in range(1, settings.brokers + 1))
        self.registry = Registry(settings, self.timescale)

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers."""
        return ",".join(broker.advertised for broker in self.brokers)

    @property
    def registry_url(self) -> str:
        """The registry's Confluent-compatible API."""
        return self.registry.address

    def database_url(self, dbname: str = timescale.DATABASE, driver: str = "timescaledb+psycopg2") -> str:
        """SQLAlchemy address of a database, with the password: not for logs. The stack must have been up once."""
        return self.timescale.url(dbname, driver)

    def up(self, progress: Callable[[str], None], *, tied: bool = False) -> None:
        """Bring up whatever does not run, and return when all of it serves.

        Args:
            progress: told each step, in a line.
            tied: the services die when this process dies, even by kill -9; call from its main thread.

        Raises:
            LocalStackError: what is in the way and what to do about it.
        """
        began = time.monotonic()
        with self._turn():
            self._install(progress)
            self._require_free_ports()
            self._serve(self.timescale, tied=tied)
            self.timescale.ensure_database(timescale.DATABASE, "timescaledb")
            self.timescale.ensure_database(registry.DATABASE)
            progress(f"timescale serves on {self.timescale.address}")
            others = self._services[1:]
            for service in others:
                start(service, tied=tied)
            for service in others:
                service.daemon.await_ready(service.problem, READY_WITHIN_S)
                progress(f"{service.daemon.name} serves on {service.address}")
        progress(f"local stack up in {time.monotonic() - began:.1f} s")

    def down(self) -> None:
        """End whatever runs, readers before what they read from; the data stay."""
        with self._turn():
            self.registry.daemon.stop()
            # All at once: the last of three, without a majority to take its leave from, would wait to be killed.
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda broker: broker.daemon.stop(), self._possible_brokers))
            self.timescale.daemon.stop()

    def status(self) -> list[ServiceStatus]:
        """What is known of each service now."""
        return [status(service) for service in self._services]

    @property
    def _services(self) -> tuple[Service, ...]:
        return (self.timescale, *self.brokers, self.registry)

    @property
    def _possible_brokers(self) -> tuple[Kafka, ...]:
        """Those of other settings too, so that nothing is left running."""
        return tuple(Kafka(self.settings, node) for node in range(1, MOST_BROKERS + 1))

    def _turn(self) -> AbstractContextManager[int]:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return exclusive(self.settings.data_dir / "run" / "stack.lock", TURN_WAIT_S)

    def _install(self, progress: Callable[[str], None]) -> None:
        absent = {service.software: service for service in self._services if not service.software.is_dir()}.values()
        for service in absent:
            progress(f"fetching {service.daemon.name} into {service.software}")
        with ThreadPoolExecutor() as pool:
            for fetched in [pool.submit(service.install) for service in absent]:
                fetched.result()

    def _require_free_ports(self) -> None:
        for service in self._services:
            if not service.daemon.runs_at(service.address):
                require_free(service.ports)

    def _serve(self, service: Service, *, tied: bool) -> None:
        start(service, tied=tied)
        service.daemon.await_ready(service.problem, READY_WITHIN_S)
