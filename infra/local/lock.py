"""Advisory locks on files. They follow the open descriptor, so a child that inherits it keeps the lock."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.errors import FolderInUseError

POLL_S = 0.05


@contextmanager
def exclusive(path: Path, wait_s: float) -> Iterator[int]:
    """Hold the lock file at `path`, created if missing; yields its descriptor.

    Whoever inherits the descriptor holds the lock on, after this context has ended too.

    Raises:
        FolderInUseError: another process still holds it after `wait_s` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path, time.monotonic() + wait_s)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while not _try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise FolderInUseError(f"{path} is locked: another process works in that folder. Stop it, or wait for it.")
        time.sleep(POLL_S)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
