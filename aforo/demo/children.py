"""Aforo's processes as children of this one: they die with it, however it ends, and their logs are kept."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.tools import tied_to_us

STOP_WITHIN_S = 15.0


class Children:
    """Processes started as `python -m aforo ...` with the settings in `environment` on top of this process's own."""

    def __init__(self, environment: Mapping[str, str], log_folder: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        log_folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str) -> int:
        """Start `aforo ARGUMENTS` as `name` and return its process id."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*tied_to_us("TERM"), sys.executable, "-m", "aforo", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._running[name].pid

    def log(self, name: str) -> Path:
        """Where the process called `name` logs."""
        return self._log_folder / f"{name}.log"

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the processes that were started and not stopped."""
        return tuple(self._running)

    def ended(self) -> dict[str, int]:
        """Processes that are no longer running, with their exit status."""
        return {name: status for name, child in self._running.items() if (status := child.poll()) is not None}

    def wait(self, name: str, within_s: float = 120.0) -> int:
        """Wait for a process that ends by itself, and return its exit status."""
        return self._running.pop(name).wait(within_s)

    def kill(self, name: str) -> None:
        """End a process without warning, as a crash would."""
        self._running[name].kill()
        self._running.pop(name).wait()

    def stop(self, name: str) -> int:
        """Ask a process to finish, kill it when it does not, and return its exit status."""
        child = self._running.pop(name)
        child.terminate()
        try:
            return child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def stop_all(self) -> dict[str, int]:
        """Stop every process, the last started first; returns exit statuses by name."""
        return {name: self.stop(name) for name in reversed(list(self._running))}
