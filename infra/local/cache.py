"""Folders that exist whole or not at all, and the check of what was downloaded into them.

It must not know what the content is for.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from infra.local.errors import HashMismatchError
from infra.local.lock import exclusive

LONGEST_DOWNLOAD_S = 1800


def build_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`, first letting `build` fill a new one under another name if it is not there.

    A build that fails or is killed leaves no `folder`; two processes that want it at once build it once.
    """
    if folder.is_dir():
        return folder
    with exclusive(folder.with_name(f"{folder.name}.lock"), LONGEST_DOWNLOAD_S):
        if not folder.is_dir():
            _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    staging = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)  # what a killed build left, if anything
    staging.mkdir(mode=0o755)
    build(staging)
    staging.rename(folder)


def verify(folder: Path, listing: str) -> None:
    """Hold the files of `folder` against `listing`, the output of `sha256sum`.

    Raises:
        HashMismatchError: a file is missing, unexpected or different.
    """
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in listing.splitlines())}
    found = {path.name: sha256(path) for path in folder.iterdir()}
    wrong = sorted(name for name, _ in expected.items() ^ found.items())
    if wrong:
        raise HashMismatchError(
            f"downloaded files differ from the committed SHA-256 list: {', '.join(dict.fromkeys(wrong))}. "
            "Try again; if it stays, the source delivers something else than was published."
        )


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(listing: str) -> str:
    """Short name of a list of hashes: a folder named by it can never hold what an older list asked for."""
    return hashlib.sha256(listing.encode()).hexdigest()[:8]
