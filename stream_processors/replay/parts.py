"""A replay's folder: what each partition has said so far, kept over an interruption, until all is said and the files appear.

It must not know Kafka. A replay finds its parts again when the same plan is asked for by the same code.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from schemas.events import Output
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.errors import BusyError
from stream_processors.replay.folding import Said, say
from stream_processors.replay.plan import Plan, Source
from stream_processors.replay.summary import Summary, versions
from stream_processors.replay.writing import Outputs, file_of, files, line

_LINE = msgspec.json.Decoder(Output)


class _Begun(msgspec.Struct, frozen=True):
    """What a folder's parts are parts of."""

    plan: Plan
    ends: dict[int, int]
    fold_version: int
    versions: dict[str, str]


class _Kept(msgspec.Struct, frozen=True):
    """How much of each file a mark vouches for."""

    lengths: dict[str, int]
    mark: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a replay under way, by partition; `resumed`: some of it was done before."""

    folder: Path
    source: Source
    ends: dict[int, int]
    resumed: bool

    def __call__(self, partition: int) -> "PartFiles":
        """The sink of a partition."""
        return PartFiles(self.folder / f"partition-{partition}", self.source)


@contextmanager
def under_way(folder: Path, plan: Plan, ends: Callable[[], dict[int, int]]) -> Iterator[Parts]:
    """The parts of a replay of `plan` into `folder`, begun or to be gone on with; `ends` is asked only for a new one.

    Raises:
        BusyError: another process replays into the folder.
    """
    parts = folder / ".replay"
    parts.mkdir(parents=True, exist_ok=True)
    with (parts / "lock").open("wb") as lock:
        _lock(lock, parts)
        wanted, found = (plan, FOLD_VERSION, versions()), _begun(parts)
        resumed = found is not None and (found.plan, found.fold_version, found.versions) == wanted
        if found is None or not resumed:
            _clear(parts)
            found = _Begun(plan, ends(), FOLD_VERSION, versions())
            _write(parts / "begun.json", msgspec.json.encode(found))
        yield Parts(parts, plan.source, found.ends, resumed)


def publish(parts: Parts, summary: Summary) -> None:
    """All is said: the files appear in the folder, partition after partition, and the parts go."""
    with Outputs(parts.folder.parent, parts.source) as outputs:
        for partition in sorted(parts.ends):
            outputs.append(parts.folder / f"partition-{partition}")
        outputs.publish(summary)
    shutil.rmtree(parts.folder)


def discard(parts: Parts) -> None:
    """There is nothing to publish."""
    shutil.rmtree(parts.folder)


class PartFiles:
    """The sink of a partition: a file for each topic, and the last mark with how much of each file it vouches for."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._names = list(files(source).values())

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        self._lock = (self._folder / "lock").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # a process whose replay was killed ends by itself, a moment later
        self._files = {name: (self._folder / name).open("a+b") for name in self._names}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for file in (*self._files.values(), self._lock):
            file.close()

    def begin(self) -> bytes | None:
        """Discard what was written after the last checkpoint and return its mark."""
        kept = self._kept()
        for name, file in self._files.items():
            file.truncate(0 if kept is None else kept.lengths[name])
        return None if kept is None else kept.mark

    def written(self) -> Iterator[Said]:
        """All that is kept, file by file."""
        for file in self._files.values():
            file.seek(0)
            yield from (say(_LINE.decode(each)) for each in file)

    def write(self, said: Said) -> None:
        """Add one record."""
        self._files[file_of(said.output)].write(line(said.output))

    def checkpoint(self, mark: bytes) -> None:
        """Make all that was written durable, together with the mark."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        lengths = {name: (self._folder / name).stat().st_size for name in self._names}
        _write(self._folder / "mark", msgspec.msgpack.encode(_Kept(lengths, mark)))

    def _kept(self) -> _Kept | None:
        path = self._folder / "mark"
        return msgspec.msgpack.decode(path.read_bytes(), type=_Kept) if path.exists() else None


def _begun(parts: Path) -> _Begun | None:
    try:
        return msgspec.json.decode((parts / "begun.json").read_bytes(), type=_Begun)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None  # nothing was begun, or by code that wrote it otherwise


def _clear(parts: Path) -> None:
    for each in parts.iterdir():
        if each.is_dir():
            shutil.rmtree(each)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _lock(file: IO[bytes], parts: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BusyError(f"another replay is at work in {parts.parent}; wait for it or give another --output") from error
