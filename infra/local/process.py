"""Start, recognise and end background processes. It must not know what they serve."""

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import OtherAddressError, StartFailedError
from infra.local.lock import POLL_S, exclusive
from infra.local.tools import as_account, last_lines, tied_to_us

KILL_AFTER_S = 10.0
# After a kill -9 the children of a server may live a moment longer and hold its lock.
LOCK_WAIT_S = 5.0
STATE, START_TIME = 0, 19  # fields of /proc/PID/stat, counted after the command name: proc(5)


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that no later process with the same pid can be mistaken for."""

    pid: int
    started: int
    """Clock ticks from boot to its start."""
    address: str
    """Where it serves."""


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of `pid`; None when it is gone or only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[STATE] in "ZX" else int(fields[START_TIME])


@dataclass(frozen=True, slots=True)
class Daemon:
    """One background process: its lock, its pid file and its log, all below `folder`."""

    name: str
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def log(self) -> Path:
        """Standard output and error of the present run; the run before is beside it as `.1`."""
        return self.folder / "log" / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.json"

    def lock(self) -> AbstractContextManager[int]:
        """The lock on the data: held while preparing, inherited by the process, free when the last heir is gone."""
        return exclusive(self.folder / "run" / f"{self.name}.lock", LOCK_WAIT_S)

    def identity(self) -> Identity | None:
        """The running process; None when there is none."""
        try:
            known = Identity(**json.loads(self._pid_file.read_text()))
        except FileNotFoundError:
            return None
        if start_time(known.pid) == known.started:
            return known
        _reap(known.pid)
        return None

    def runs_at(self, address: str) -> bool:
        """Whether the process runs and serves `address`.

        Raises:
            OtherAddressError: it runs, but serves another address.
        """
        running = self.identity()
        if running and running.address != address:
            raise OtherAddressError(
                f"{self.name} of {self.folder} already runs at {running.address}, the settings say {address}. "
                "Run `aforo down` first, or set the ports it has."
            )
        return running is not None

    def spawn(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        *,
        address: str,
        lock: int,
        account: str | None = None,
        death_signal: str | None = None,
    ) -> None:
        """Start `command` in a session of its own and write its pid file.

        Args:
            command: program and arguments; the program as absolute path.
            environment: the whole environment of the process.
            address: where it will serve; kept in the pid file.
            lock: descriptor from `lock()`, which the process inherits.
            account: drop from root to this account.
            death_signal: sent to the process when this one dies, however it dies; None: it lives on.
        """
        if death_signal and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a tied process dies with the thread that started it: start it from the main thread")
        arguments = [
            "/usr/bin/env",
            f"--chdir={self.folder}",
            *as_account(account),
            *tied_to_us(death_signal),
            *command,
        ]
        output = self._new_log()
        try:
            pid = os.posix_spawn(arguments[0], arguments, environment, setsid=True, file_actions=_files(output, lock))
        finally:
            os.close(output)
        started = start_time(pid)
        if started is None:
            raise StartFailedError(f"{self.name} ended at once; see {self.log}")
        self._pid_file.write_text(json.dumps({"pid": pid, "started": started, "address": address}))

    def await_ready(self, problem: Callable[[], str], timeout_s: float) -> None:
        """Wait until `problem` returns nothing.

        Raises:
            StartFailedError: the process ended, or there was still a problem after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while reason := problem():
            if self.identity() is None:
                raise self._start_failed("ended while starting")
            if time.monotonic() > deadline:
                raise self._start_failed(f"is not ready after {timeout_s:.0f} s ({reason})")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End the process: its own stop signal, and SIGKILL 10 s later if that was not enough."""
        running = self.identity()
        if running and not _ended(running, self.stop_signal, KILL_AFTER_S):
            _ended(running, signal.SIGKILL, KILL_AFTER_S)
        self._pid_file.unlink(missing_ok=True)

    def _new_log(self) -> int:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _start_failed(self, what: str) -> StartFailedError:
        end = last_lines(self.log.read_text(errors="replace"))
        return StartFailedError(f"{self.name} {what}. The end of {self.log}:\n{end}")


def _files(output: int, lock: int) -> list[tuple[int, ...] | tuple[int, int, str, int, int]]:
    """Descriptors of the child: no input, output to the log, the lock under its own number, and no other."""
    others = [int(link.name) for link in Path("/proc/self/fd").iterdir() if int(link.name) not in {0, 1, 2, lock}]
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
        (os.POSIX_SPAWN_DUP2, lock, lock),  # onto itself: clears close-on-exec in the child only
        *((os.POSIX_SPAWN_CLOSE, other) for other in others),
    ]


def _ended(process: Identity, with_signal: signal.Signals, timeout_s: float) -> bool:
    """Send a signal and wait for the end; a pid descriptor cannot hit a later process of the same pid."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return start_time(process.pid) != process.started or _wait(descriptor, with_signal, timeout_s)
    finally:
        os.close(descriptor)
        _reap(process.pid)


def _wait(descriptor: int, with_signal: signal.Signals, timeout_s: float) -> bool:
    try:
        signal.pidfd_send_signal(descriptor, with_signal)
    except ProcessLookupError:  # it ended between the look and the signal
        return True
    return bool(select.select([descriptor], [], [], timeout_s)[0])


def _reap(pid: int) -> None:
    """Take the exit code if the process is our child, so that no zombie stays; a stranger's child is its own affair."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
