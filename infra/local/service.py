"""What a service of the stack is, and the steps all of them start by. It must not know which services exist."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from infra.local.errors import PortInUseError
from infra.local.process import Daemon

State = Literal["running", "not ready", "stopped"]


class Service(Protocol):
    """One server: how it is prepared, started and asked. The steps below do the rest."""

    @property
    def daemon(self) -> Daemon:
        """Its process."""

    @property
    def address(self) -> str:
        """Host and port, or URL, without secrets."""

    @property
    def software(self) -> Path:
        """Folder in the cache with what it runs from."""

    @property
    def ports(self) -> Mapping[str, int]:
        """Its ports, by the name of their setting."""

    @property
    def account(self) -> str | None:
        """Account it drops to; None: the one that starts it."""

    @property
    def death_signal(self) -> str:
        """What ends it at once and cleanly enough, when it is tied to a process that died."""

    def install(self) -> None:
        """Fetch its software, unless it is there."""

    def prepare(self) -> None:
        """Make its data folder, unless it is there. The lock is held."""

    def command(self) -> list[str]:
        """Program and arguments, without secrets: every account of the machine can read them."""

    def environment(self) -> dict[str, str]:
        """Its whole environment."""

    def problem(self) -> str:
        """Why it does not serve yet; nothing when it does."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One line of `aforo status`."""

    name: str
    state: State
    pid: int | None
    address: str
    detail: str
    """What is wrong, and where to read on; nothing when it runs."""


def start(service: Service, *, tied: bool) -> None:
    """Start a service that does not run; whether it is ready is another question.

    Raises:
        FolderInUseError: its data are in use by a process that is not ours.
    """
    daemon = service.daemon
    if daemon.runs_at(service.address):
        return
    with daemon.lock() as lock:
        service.prepare()
        daemon.spawn(
            service.command(),
            service.environment(),
            address=service.address,
            lock=lock,
            account=service.account,
            death_signal=service.death_signal if tied else None,
        )


def status(service: Service) -> ServiceStatus:
    """What is known of a service now."""
    daemon = service.daemon
    running = daemon.identity()
    if running is None:
        return ServiceStatus(daemon.name, "stopped", None, service.address, "")
    problem = service.problem()
    detail = f"{problem}; see {daemon.log}" if problem else ""
    return ServiceStatus(daemon.name, "not ready" if problem else "running", running.pid, running.address, detail)


def require_free(ports: Mapping[str, int]) -> None:
    """Check that nobody listens on `ports`, named by their settings.

    Raises:
        PortInUseError: names the port, its setting and the way out.
    """
    for setting, port in ports.items():
        if not is_free(port):
            raise PortInUseError(
                f"port {port} on 127.0.0.1 is taken by another program. Stop that program, or give the local stack "
                f"another port: AFORO_LOCAL__{setting.upper()}=<a free port> (setting local.{setting})."
            )


def accepts(port: int) -> bool:
    """Whether somebody on this machine accepts connections on `port`."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket() as probe:
        # as the servers do it: connections of a server that has just died do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, port)


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
