"""A local stack for the tests: on free ports, in a folder of its own, gone when the test session is gone."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.service import is_free
from infra.local.settings import LocalSettings
from infra.local.stack import Stack

# Below the range that the kernel takes ports of outgoing connections from.
PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, chosen at random so that two test sessions hardly meet."""
    shuffled = random.sample(PORTS, len(PORTS))
    free = (port for port in shuffled if is_free(port))
    return [next(free) for _ in range(count)]


def shared_cache() -> Path:
    """The cache of this machine: downloads are never a test's own."""
    explicit = os.environ.get("AFORO_LOCAL__CACHE_DIR")
    return Path(explicit) if explicit else LocalSettings().cache_dir


def settings_for_tests(data_dir: Path, **others: object) -> LocalSettings:
    """Settings of a stack in `data_dir` that meets no other."""
    names = [name for name in LocalSettings.model_fields if name.endswith("_port")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    settings = LocalSettings.model_validate(
        {"data_dir": data_dir, "cache_dir": shared_cache(), "durable": False, **ports, **others}
    )
    further = [port for node in range(2, settings.brokers + 1) for port in settings.broker_ports(node).values()]
    return settings if all(map(is_free, further)) else settings_for_tests(data_dir, **others)


@contextmanager
def stack_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can enter, which pytest's own temporary folders do not let it."""
    folder = Path(tempfile.mkdtemp(prefix="aforo-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_stack() -> Iterator[Stack]:
    """A stack that serves; its processes end with the context, and with this process however that ends."""
    with stack_folder() as folder:
        stack = Stack(settings_for_tests(folder))
        try:
            stack.up(print, tied=True)
            yield stack
        finally:
            stack.down()
