"""A broker of a test's own, to be killed, frozen and started again."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.kafka import Kafka
from infra.local.service import start
from tests.local_stack import settings_for_tests, stack_folder

READY_WITHIN_S = 90.0


class OwnBroker:
    """One broker; what it acknowledged survives its death."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self.bootstrap = kafka.address

    def start(self) -> None:
        # Tied to the thread that starts it; any but the main one may end before the broker should.
        start(self._kafka, tied=threading.current_thread() is threading.main_thread())
        self._kafka.daemon.await_ready(self._kafka.problem, READY_WITHIN_S)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._kafka.daemon.stop()

    def freeze(self) -> None:
        """Connections stay open and nothing comes over them, as when a link is cut."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self._kafka.daemon.stop()

    def _signal(self, number: signal.Signals) -> None:
        running = self._kafka.daemon.identity()
        assert running is not None
        os.kill(running.pid, number)


@contextmanager
def own_broker() -> Iterator[OwnBroker]:
    """A broker that serves; gone with the context."""
    with stack_folder() as folder:
        settings = settings_for_tests(folder)
        (settings.data_dir / "run").mkdir(parents=True, exist_ok=True)
        kafka = Kafka(settings)
        kafka.install()
        broker = OwnBroker(kafka)
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()
