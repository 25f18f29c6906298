"""Passwords of cameras: known to the edge by name, put into an address at the last moment, never sent anywhere."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class UnknownSecretError(LookupError):
    """The edge knows no secret of this name; the message says where to put it."""


class Secrets:
    """What the edge knows: by setting, or as files in a folder, as Docker and Kubernetes give them.

    Args:
        named: `user:password` by name.
        folder: holds a file of each name.
    """

    def __init__(self, named: Mapping[str, SecretStr], folder: Path | None) -> None:
        self._named = named
        self._folder = folder

    def of(self, name: str) -> str:
        """The `user:password` of this name.

        Raises:
            UnknownSecretError: there is none.
        """
        if name in self._named:
            return self._named[name].get_secret_value()
        if self._folder is not None and _NAME.fullmatch(name):
            try:
                return (self._folder / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                pass  # told below, with what to do
        where = f"AFORO_EDGE__SECRETS or {self._folder / name}" if self._folder else "AFORO_EDGE__SECRETS"
        raise UnknownSecretError(f"the edge knows no secret {name!r}: put user:password into {where}")


def with_credentials(url: str, secret: str) -> str:
    """The address with user and password in it; they may hold any character."""
    user, _, password = secret.partition(":")
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}").geturl()


def holds_credentials(url: str) -> bool:
    """Whether somebody has written them into the address."""
    return "@" in url
