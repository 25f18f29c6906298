"""What a camera's `source` setting means, and how it may be shown. Nothing is opened here."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SYNTAX = "a source is rtsp://host/path, rtsps://host/path, webcam:0, file:/path/to/video or a plain path"


class SourceSyntaxError(ValueError):
    """The text is no source; the message does not repeat it, since it may hold a password."""


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A recording."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class RtspAddress:
    """A network camera. `url` may hold credentials; `str()` does not."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        return shown(self.url)

    @property
    def host(self) -> str:
        """Host name or address, for name resolution."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class WebcamAddress:
    """A camera of this machine."""

    index: int

    def __str__(self) -> str:
        return f"webcam:{self.index}"


Address: TypeAlias = FileAddress | RtspAddress | WebcamAddress


def parse_address(text: str) -> Address:
    """What `text` names.

    Raises:
        SourceSyntaxError: nothing we can read.
    """
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else "file"
    rest = text[match.end() :] if match else text
    if scheme in {"rtsp", "rtsps"}:
        return _rtsp(text)
    if scheme == "webcam" and rest.isascii() and rest.isdigit():
        return WebcamAddress(int(rest))
    if scheme == "file" and rest:
        return FileAddress(Path(rest.removeprefix("//")).expanduser())
    raise SourceSyntaxError(f"{scheme!r} is followed by nothing usable, or no kind of source; {_SYNTAX}")


def shown(url: str) -> str:
    """A URL as it may stand in logs and errors: scheme, host and port. Cameras take passwords in path and query, too."""
    parts = urlsplit(url)
    if "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://***"  # an unescaped password: where the host begins is a guess
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _rtsp(url: str) -> RtspAddress:
    try:
        has_host = bool(urlsplit(url).hostname)
    except ValueError:
        has_host = False
    if not has_host:
        raise SourceSyntaxError(f"an rtsp address needs a host; {_SYNTAX}")
    return RtspAddress(url)
