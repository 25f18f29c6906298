"""How many positions a second the projector's store takes, beside raw COPY of the same rows into a bare table.

Run it with the address of an empty, migrated database on this machine: `python -m benchmarks.projector DATABASE_URL`. It leaves
rows behind. Processor time is that of this process and of its connection's server process; it depends less on what else runs.
"""

import io
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2

from schemas.events import Position, TrackObservation, TracksObserved
from schemas.topics import TRACKS
from stream_processors.projections.binary import copy_data
from stream_processors.projections.rows import rows_of
from stream_processors.projections.rules import TRACK_POSITION, Row
from stream_processors.projections.store import Appended
from stream_processors.projections.timescale import TimescaleStore, libpq_url

CAMERAS = 10
PEOPLE = 8
FRAMES = 125  # a camera and batch
BATCHES = 8
FRAME_MS = {"1 Hz: every observation is a new row": 1_000, "10 Hz: one observation in ten is": 100}
BARE = "CREATE UNLOGGED TABLE IF NOT EXISTS bare_positions AS SELECT * FROM track_positions WITH NO DATA"


def frames(start_ms: int, frame_ms: int) -> list[TracksObserved]:
    """One batch: `FRAMES` frames of each camera, `PEOPLE` in each frame."""
    return [
        _frame(f"camera-{camera}", start_ms + number * frame_ms)
        for number in range(FRAMES)
        for camera in range(CAMERAS)
    ]


def _frame(camera_id: str, observed_at: int) -> TracksObserved:
    tracks = tuple(
        TrackObservation(track_no=person + 1, x1=10.5 * person, y1=20.25, x2=10.5 * person + 60, y2=220.75, score=0.8)
        for person in range(PEOPLE)
    )
    position = Position(epoch=0, partition=0, offset=observed_at, index=0)
    return TracksObserved(
        camera_id=camera_id, position=position, session="s", seq=0, observed_at=observed_at, width=1920, height=1080,
        zones_revision=1, tracks=tracks,
    )  # fmt: skip


def measure(
    label: str, batches: list[list[TracksObserved]], write: Callable[[list[TracksObserved]], int], server: int
) -> None:
    """Print observations and rows a second, and microseconds of processor time an observation."""
    began, client, backend = time.perf_counter(), time.process_time(), cpu_s(server)
    rows = sum(write(batch) for batch in batches)
    seconds = time.perf_counter() - began
    observations = sum(len(batch) for batch in batches) * PEOPLE
    used = [1e6 * spent / observations for spent in (time.process_time() - client, cpu_s(server) - backend)]
    print(f"{label:54} {observations / seconds:11,.0f} {rows / seconds:11,.0f} {used[0]:9.1f} {used[1]:9.1f}")


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far: fields 14 and 15 of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(database_url: str) -> None:
    """Measure the store at two frame rates, then the yardstick."""
    print(f"{'':54} {'observed/s':>11} {'rows/s':>11} {'client us':>9} {'server us':>9}")
    start = time.time_ns() // 1_000_000 // 86_400_000 * 86_400_000
    with (
        closing(TimescaleStore(database_url)) as store,
        closing(psycopg2.connect(libpq_url(database_url))) as connection,
    ):
        for label, frame_ms in FRAME_MS.items():
            length = FRAMES * frame_ms
            batches = [frames(start + number * length, frame_ms) for number in range(BATCHES)]
            start += BATCHES * length
            store.next_offset(TRACKS, 0)
            measure(f"store, {label}", batches, lambda batch: _through_store(store, batch), _backend(connection))
        _yardstick(connection, batches)


def _backend(connection: psycopg2.extensions.connection) -> int:
    """The server process of the store."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'aforo-projector'")
        ((pid,),) = cursor.fetchall()
    return int(pid)


def _through_store(store: TimescaleStore, batch: list[TracksObserved]) -> int:
    offset = store.next_offset(TRACKS, 0)
    store.write(TRACKS, 0, offset, offset + len(batch), [Appended(event, event.observed_at) for event in batch])
    return len({(event.camera_id, event.observed_at // 1_000) for event in batch}) * PEOPLE


def _yardstick(connection: psycopg2.extensions.connection, batches: list[list[TracksObserved]]) -> None:
    """Binary COPY, encoded beforehand, of every position into a table without index, log or guard."""
    with connection.cursor() as cursor:
        cursor.execute(BARE)
    connection.commit()
    encoded = {id(batch): _encoded(batch) for batch in batches}

    def copy(batch: list[TracksObserved]) -> int:
        columns = ", ".join(TRACK_POSITION.types)
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY bare_positions ({columns}) FROM STDIN (FORMAT binary)", io.BytesIO(encoded[id(batch)])
            )
        return len(batch) * PEOPLE

    label = "yardstick: encoded before, raw COPY, no index, no log"
    measure(label, batches, copy, connection.info.backend_pid)


def _encoded(batch: list[TracksObserved]) -> bytes:
    rows: list[Row] = [
        row for event in batch for rule, row in rows_of(event, event.observed_at) if rule is TRACK_POSITION
    ]
    return copy_data(tuple(TRACK_POSITION.types.values()), rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
