"""A recorded log of real footage and the digests of what the fold says of it.

The digests guard against change, not against error: what the fold says is judged in tests/domain. They were made by `aforo replay`
with fold version 1, and each run compares them with a way that shares no line with the replay: Python's own JSON, the records
through Avro bytes and back, the fold, hashlib. Who changes the fold on purpose raises `FOLD_VERSION` and makes them again.
"""

import json
import struct
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import RECORDS, LogRecord
from schemas.wire import from_avro, to_avro
from stream_processors.domain.camera import FOLD_VERSION
from tests.replay.files import digests, folded_by_hand, run, said

DATA = Path(__file__).parent / "data"
RECORDING = DATA / "footage-20s.ndjson"
COMMITTED = json.loads((DATA / "footage-20s.digests.json").read_text())


def through_avro() -> list[LogRecord]:
    """The recording without the replay's reader: the JSON of a line, packed by hand, written as Avro and read back."""
    found: list[Any] = []
    for line in RECORDING.read_text().splitlines():
        fields: dict[str, Any] = json.loads(line)
        record = fields["type"]
        if record == "FrameObserved":
            numbers = [number for box in fields["boxes"] for number in box]
            fields["boxes"] = struct.pack(f"<{len(numbers)}f", *numbers)
            fields["scores"] = struct.pack(f"<{len(fields['scores'])}f", *fields["scores"])
        found.append(from_avro(record, to_avro(msgspec.convert(fields, RECORDS[record]))))
    return found


def test_the_footage_replays_to_the_committed_digests(tmp_path: Path) -> None:
    assert {"fold_version": FOLD_VERSION, **run(RECORDING.read_bytes(), tmp_path).cameras["plaza"].digests} == COMMITTED


def test_the_committed_digests_are_those_of_the_fold_itself() -> None:
    assert {"fold_version": FOLD_VERSION, **digests(folded_by_hand(through_avro()))} == COMMITTED


def test_the_recording_says_something_of_every_kind(tmp_path: Path) -> None:
    """An empty file would have a digest too."""
    run(RECORDING.read_bytes(), tmp_path)
    assert len(said(tmp_path, "tracks.ndjson")) > 200
    visits = said(tmp_path, "zone-visits.ndjson")
    assert {each["type"] for each in visits} == {"ZoneEntered", "ZoneExited", "LineCrossed"}
    assert {each["zone_id"] for each in said(tmp_path, "zone-minutes.ndjson")} == {"yard", "walkway"}
