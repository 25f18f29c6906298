"""The files of a replay: JSON lines by topic, and a digest of the Avro bytes for each camera and file.

Files appear under their names only when all is written. What is to be written is not known here.
"""

from collections import defaultdict
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS, topic_of
from stream_processors.replay.folding import Said

FILES = {
    TRACKS: "tracks.ndjson",
    ZONE_VISITS: "zone-visits.ndjson",
    ZONE_MINUTES: "zone-minutes.ndjson",
    CAMERA_EVENTS: "camera-events.ndjson",
}
SUMMARY = "summary.json"
DIGEST_BYTES = 32


def _digest() -> "blake2b":
    return blake2b(digest_size=DIGEST_BYTES)


class Outputs:
    """The output files of one replay in `folder`; use as a context. An error leaves whatever was there before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._encoder = msgspec.json.Encoder()
        self._digests: dict[str, dict[str, blake2b]] = {name: defaultdict(_digest) for name in FILES.values()}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = {name: self._stack.enter_context(self._partial(name).open("wb")) for name in FILES.values()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stack.close()
        for name in [*FILES.values(), SUMMARY]:
            self._partial(name).unlink(missing_ok=True)

    def write(self, said: Said) -> None:
        """Add a record to the file of its topic."""
        name = FILES[topic_of(type(said.output).__name__)]
        self._files[name].write(self._encoder.encode(said.output) + b"\n")
        self._digests[name][said.output.camera_id].update(said.body)

    def digests(self, camera_id: str) -> dict[str, str]:
        """For each file BLAKE2b-256 over the camera's Avro bodies in order."""
        return {name: each.get(camera_id, _digest()).hexdigest() for name, each in self._digests.items()}

    def whole_digests(self) -> dict[str, str]:
        """For each file BLAKE2b-256 over its cameras' digests by camera id: the same however cameras are interleaved."""
        whole = {name: _digest() for name in self._digests}
        for name, cameras in self._digests.items():
            for camera_id in sorted(cameras):
                whole[name].update(cameras[camera_id].digest())
        return {name: each.hexdigest() for name, each in whole.items()}

    def publish(self, summary: msgspec.Struct) -> None:
        """All is written: give the files their names, the summary last, so that it vouches for the others."""
        self._stack.close()
        self._partial(SUMMARY).write_bytes(msgspec.json.format(self._encoder.encode(summary)) + b"\n")
        (self._folder / SUMMARY).unlink(missing_ok=True)
        for name in [*FILES.values(), SUMMARY]:
            self._partial(name).replace(self._folder / name)

    def _partial(self, name: str) -> Path:
        return self._folder / f".{name}.partial"
