"""The files of a replay: JSON lines by topic, and a summary that vouches for them.

Files appear under their names only when all is written. What is to be written is not known here.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from schemas.events import Output
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS, topic_of
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Source

FILES = {
    TRACKS: "tracks.ndjson",
    ZONE_VISITS: "zone-visits.ndjson",
    ZONE_MINUTES: "zone-minutes.ndjson",
    CAMERA_EVENTS: "camera-events.ndjson",
}
SUMMARY = "summary.json"
_ENCODER = msgspec.json.Encoder()


class Outputs:
    """The output files of one replay in `folder`; use as a context. An error leaves whatever was there before."""

    def __init__(self, folder: Path, source: Source = "log") -> None:
        self._folder = folder
        self._names = list(files(source).values())
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = {name: self._stack.enter_context(self._partial(name).open("wb")) for name in self._names}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stack.close()
        for name in [*self._names, SUMMARY]:
            self._partial(name).unlink(missing_ok=True)

    def write(self, said: Said) -> None:
        """Add a record to the file of its topic."""
        self._files[file_of(said.output)].write(line(said.output))

    def append(self, part: Path) -> None:
        """Add what another folder's files of these names hold."""
        for name, file in self._files.items():
            with (part / name).open("rb") as source:
                shutil.copyfileobj(source, file)

    def publish(self, summary: msgspec.Struct) -> None:
        """All is written: give the files their names, the summary last. Those of a replay before this one go."""
        self._stack.close()
        self._partial(SUMMARY).write_bytes(msgspec.json.format(_ENCODER.encode(summary)) + b"\n")
        (self._folder / SUMMARY).unlink(missing_ok=True)
        for name in set(FILES.values()) - set(self._names):
            (self._folder / name).unlink(missing_ok=True)
        for name in [*self._names, SUMMARY]:
            self._partial(name).replace(self._folder / name)

    def _partial(self, name: str) -> Path:
        return self._folder / f".{name}.partial"


def files(source: Source) -> dict[str, str]:
    """The file of each topic that a replay from `source` tells anew."""
    return FILES if source == "log" else {topic: FILES[topic] for topic in (ZONE_VISITS, ZONE_MINUTES)}


def file_of(output: Output) -> str:
    """The file a record belongs in."""
    return FILES[topic_of(type(output).__name__)]


def line(output: Output) -> bytes:
    """A record as a line of JSON."""
    return _ENCODER.encode(output) + b"\n"
