"""How fast `aforo replay` is from a file to its outputs, and that its memory does not grow with the log.

The log is made while it is read, so that a day needs no disk for it; making it is not counted. `--hours 24` is a whole day.
From Kafka: `python -m benchmarks.replay_kafka`.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fold_scene import LINES, ZONES, frames
from schemas.events import DefineZones
from stream_processors.replay.lines import Logged, to_json
from stream_processors.replay.offline import replay
from stream_processors.replay.plan import Plan

STAY_S = 120
PARTS = 6


class MadeLog:
    """A file of a camera's log that is made line by line as it is read; prints progress and peak memory on the way."""

    def __init__(self, people: int, fps: int, count: int) -> None:
        self.seconds = 0.0  # spent on making lines
        self._count = count
        self._lines = self._made(people, fps)
        self._read = 0
        self._began = time.process_time()

    def read(self, _size: int) -> bytes:
        """The first bytes, by which a reader tells kinds of files apart."""
        return b"{"

    def seek(self, _offset: int) -> None:
        """Back to the beginning, from which nothing has been read yet."""

    def readline(self, _limit: int) -> bytes:
        """The next line."""
        if self._read % max(self._count // PARTS, 1) == 0:
            self._tell()
        self._read += 1
        began = time.process_time()
        line = next(self._lines, b"")
        self.seconds += time.process_time() - began
        return line

    def _tell(self) -> None:
        spent = time.process_time() - self._began - self.seconds
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
        print(f"{self._read:>9,} frames  {self._read / spent if spent else 0:>7,.0f} frames/s  {peak_mb:>6.0f} MB peak")

    def _made(self, people: int, fps: int) -> Iterator[bytes]:
        yield to_json(Logged("", DefineZones(camera_id="c", command_id="k", zones=ZONES, lines=LINES)))
        yield from (to_json(Logged("", each)) for each in frames(people, self._count, fps, STAY_S))


def main(hours: float = 0.25, people: int = 8, fps: int = 10) -> None:
    """Print the table."""
    count = int(hours * 3_600 * fps)
    log = MadeLog(people, fps, count)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        summary = replay(log, Path(folder), Plan())  # type: ignore[arg-type]  # all of a file that a replay asks for
        written_mb = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    spent = time.process_time() - began - log.seconds
    print(f"{hours} h of one camera at {fps} frames/s, {people} people, written {written_mb:,.0f} MB: "
          f"{count / spent:,.0f} frames/s, {hours * 3_600 / spent:,.0f} x real time, "
          f"{summary.outputs['ZoneExited']:,} visits")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.25)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--fps", type=int, default=10)
    main(**vars(parser.parse_args()))
