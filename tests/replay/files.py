"""How the tests of the replay speak: log files in memory, what a replay wrote, and the fold run by hand beside it."""

import io
import json
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import Event, LogRecord, Output, Position
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS, topic_of
from schemas.wire import to_avro
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.replay.lines import Logged, to_json
from stream_processors.replay.offline import replay
from stream_processors.replay.plan import Plan
from stream_processors.replay.summary import Summary

TOPICS = {
    "tracks.ndjson": TRACKS,
    "zone-visits.ndjson": ZONE_VISITS,
    "zone-minutes.ndjson": ZONE_MINUTES,
    "camera-events.ndjson": CAMERA_EVENTS,
}
HARMLESS = Plan()


def lines(records: Iterable[LogRecord]) -> bytes:
    return b"".join(to_json(Logged("", record)) for record in records)


def run(log: bytes, folder: Path, plan: Plan = HARMLESS, *, skip_errors: bool = False) -> Summary:
    return replay(io.BytesIO(log), folder, plan, skip_errors=skip_errors)


def said(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def written(folder: Path) -> list[Output]:
    """All records of the output files, in the order in which the fold said them; of one camera."""
    rows = [row for name in TOPICS for row in (folder / name).read_bytes().splitlines()]
    return sorted((msgspec.json.decode(row, type=Output) for row in rows), key=lambda each: each.position)


def folded_by_hand(records: Iterable[LogRecord]) -> list[Output]:
    """What the fold says of one camera's records, without any part of the replay."""
    state, outputs = None, list[Output]()
    for offset, record in enumerate(records):
        position = Position(epoch=0, partition=0, offset=offset, index=0)
        state, more = step(state or CameraState(record.camera_id), LogEntry(position, None, record))
        outputs += more
    return outputs


def digests(outputs: Iterable[Event]) -> dict[str, str]:
    """BLAKE2b-256 over the Avro bodies of each file's topic, in order."""
    outputs = list(outputs)
    return {
        name: blake2b(
            b"".join(to_avro(each) for each in outputs if topic_of(type(each).__name__) == topic), digest_size=32
        ).hexdigest()
        for name, topic in TOPICS.items()
    }
