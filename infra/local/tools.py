"""Programs of the host: whether they are there, how to get them, and running one to its end.

It must not know what they are used for.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.local.errors import MissingToolError, ToolFailedError

DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = {
    "mvn": "maven",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "setpriv": "util-linux",
    "tar": "tar",
    DEBIAN_KEYRING: "debian-archive-keyring",
    "/usr/share/zoneinfo/UTC": "tzdata",
}
LAST_LINES = 15


def missing(needs: Iterable[str]) -> list[str]:
    """Those of `needs` (commands, or absolute paths of files) that this host does not have."""
    return [need for need in needs if shutil.which(need) is None and not (need[0] == "/" and Path(need).exists())]


def require(*needs: str) -> None:
    """Check for programs before they are used.

    Raises:
        MissingToolError: one is missing; the message is the command that installs it on Debian and Ubuntu.
    """
    if absent := missing(needs):
        raise MissingToolError(
            f"missing on this machine: {', '.join(absent)}. On Debian or Ubuntu: "
            f"apt-get install {' '.join(PACKAGES[need] for need in absent)}"
        )


def ensure_tools(install: bool, progress: Callable[[str], None]) -> None:
    """Check for everything the stack may need, so that what is missing is known before the first download.

    Args:
        install: under root, on a system with apt, install what is missing.
        progress: told what is being installed.

    Raises:
        MissingToolError: something is missing and was not to be, or could not be, installed.
    """
    absent = missing(PACKAGES)
    if absent and install and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [PACKAGES[need] for need in absent]
        progress(f"installing {', '.join(packages)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", environment=environment)
        run("apt-get", "install", "-y", "--no-install-recommends", *packages, environment=environment)
    require(*PACKAGES)


def run(*command: str | Path, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        ToolFailedError: it ended with an error; the message carries its last lines.
    """
    done = subprocess.run(  # noqa: S603  # commands are ours, no shell
        [str(part) for part in command],
        check=False,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise ToolFailedError(f"{command[0]} ended with code {done.returncode}:\n{last_lines(done.stdout)}")
    return done.stdout


def last_lines(text: str) -> str:
    """The end of a program's output, indented for a message."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-LAST_LINES:])


def as_account(account: str | None) -> list[str]:
    """Command prefix that drops from root to `account`; empty for None.

    Raises:
        MissingToolError: this host has no such account, or no `setpriv`.
    """
    if account is None:
        return []
    require("setpriv")
    entry = _account(account)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


def tied_to_us(death_signal: str | None) -> list[str]:
    """Command prefix that sends `death_signal` to the program when the thread that starts it ends; empty for None.

    The kernel forgets the wish when the account changes, so this prefix comes after `as_account`. If this
    process is gone before the wish is spoken, the program is not started.

    Raises:
        MissingToolError: this host has no `setpriv`.
    """
    if death_signal is None:
        return []
    require("setpriv")
    still_ours = ["/bin/sh", "-c", 'test "$PPID" = "$0" && exec "$@"', str(os.getpid())]
    return ["setpriv", f"--pdeathsig={death_signal}", *still_ours]


def _account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise MissingToolError(
            f"this machine has no account {name!r}, which PostgreSQL is to run as: set postgres_account to one it has"
        ) from None
