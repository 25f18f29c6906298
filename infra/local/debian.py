"""Debian packages unpacked into a folder, through an apt state of our own: nothing is installed on the host.

apt checks the signatures of the archive and, by them, the hash of every package.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.errors import MissingToolError
from infra.local.tools import DEBIAN_KEYRING, require, run

SUITE = "trixie"


def unpack(packages: Sequence[str], folder: Path, mirror: str | None) -> None:
    """Fetch `packages` of Debian 13 (just these, not what they depend on) and unpack them into `folder`.

    Args:
        packages: names of packages.
        folder: becomes their root folder.
        mirror: address of a Debian mirror; None takes that of the host.
    """
    require("apt-get", "dpkg-deb", DEBIAN_KEYRING)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        state = Path(scratch)
        options = _private_state(state, mirror or host_mirror())
        run("apt-get", *options, "update")
        run("apt-get", *options, "download", *packages, folder=state)
        for package in state.glob("*.deb"):
            run("dpkg-deb", "-x", package, folder)


def host_mirror() -> str:
    """The Debian mirror in the host's own apt sources.

    Raises:
        MissingToolError: the host has none.
    """
    addresses = run("apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)").split()
    if mirror := find_mirror(addresses):
        return mirror
    raise MissingToolError(
        "the apt sources of this machine name no Debian mirror, which TimescaleDB and the demo footage come from: "
        "set AFORO_LOCAL__DEBIAN_MIRROR=<address of a Debian mirror> (setting local.debian_mirror)"
    )


def find_mirror(addresses: Sequence[str]) -> str | None:
    """The first address of the main archive: neither security updates nor another distribution."""
    return next((address for address in addresses if re.search(r"/debian/?$", address)), None)


def _private_state(folder: Path, mirror: str) -> list[str]:
    """Options of apt that keep it inside `folder` and to one archive."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={DEBIAN_KEYRING} target=Packages] {mirror} {SUITE} main\n")
    values = {
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",  # the folder is ours alone
        "Debug::NoLocking": "1",  # so is the state
    }
    return ["-q", *(f"-o{name}={value}" for name, value in values.items())]
