"""A registry of a test's own, beside the session's and on the same database: the second node of an installation."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.registry import Registry
from infra.local.service import start
from infra.local.stack import READY_WITHIN_S, Stack
from tests.local_stack import settings_for_tests


@dataclass(frozen=True, slots=True)
class Node:
    """A registry that can be killed and started again."""

    registry: Registry

    @property
    def url(self) -> str:
        return self.registry.address

    def start(self) -> None:
        """Return when it serves."""
        start(self.registry, tied=True)
        self.registry.daemon.await_ready(self.registry.problem, READY_WITHIN_S)

    def kill(self) -> None:
        """End it without warning."""
        process = self.registry.daemon.identity()
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        self.registry.daemon.stop()


@contextmanager
def second_node(stack: Stack, folder: Path) -> Iterator[Node]:
    """A node that does not run yet."""
    node = Node(Registry(settings_for_tests(folder), stack.timescale))
    try:
        yield node
    finally:
        node.registry.daemon.stop()
