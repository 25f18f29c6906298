"""What is exported of a live log replays to the bytes the live fold published."""

import asyncio
import io
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import msgspec
import pytest

from aforo.export import write
from schemas.events import CameraSnapshot, DefineZones, Event, LogRecord, RecordRefused
from schemas.topics import CAMERA_EVENTS
from schemas.wire import Wire
from stream_processors.agents.camera_fold import Guarded
from stream_processors.replay.errors import ExportError
from stream_processors.replay.exporting import Stored, records, refusals
from stream_processors.replay.lines import Logged
from stream_processors.replay.offline import replay
from stream_processors.replay.plan import Plan
from stream_processors.runtime.messages import Message, Outgoing
from stream_processors.runtime.partitioning import Partitioning
from tests.replay.files import TOPICS, digests, run
from tests.runtime.logs import START, frame, make_fold, make_wire, message, signed

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
DEFINE = msgspec.convert(
    {"type": "DefineZones", "camera_id": "c1", "command_id": "k1",
     "zones": [{"zone_id": "z", "name": "Desk", "kind": "WORK", "polygon": SQUARE}]},
    DefineZones,
)  # fmt: skip


def live_log(wire: Wire) -> list[Message]:
    """Two cameras, a good and a forged command, bytes of nobody, a frame under a wrong key, twice, late, and malformed."""
    offset = count()
    values: list[tuple[bytes | None, bytes | None]] = [(wire.encode(frame(seq)), b"c1") for seq in range(5)]
    values += [(b"hello", b"c1"), (None, None), (wire.encode(DEFINE), b"c1"), (wire.encode(frame(4)), b"c1")]
    values += [(wire.encode(frame(5)), b"c2"), (wire.encode(frame(6, at=START - 1)), b"c1")]
    values += [(wire.encode(msgspec.structs.replace(frame(7), scores=b"\0\0\0\0\0")), b"c1")]
    values += [
        (wire.encode(frame(seq, camera_id=camera)), camera.encode()) for seq in range(8, 90) for camera in ("c1", "c2")
    ]
    return [signed(wire, DEFINE, next(offset)), *(message(value, next(offset), key=key) for value, key in values)]


def published(wire: Wire, log: Iterable[Message]) -> list[Outgoing]:
    """What the live shell writes, camera by camera as it comes."""
    fold, states, outputs = make_fold(wire), dict[bytes, Guarded](), list[Outgoing]()
    for each in log:
        key = fold.key(each)
        state = states.get(key) or fold.new(key)
        states[key], said = asyncio.run(fold.apply(state, each))
        outputs += said
    return outputs


def stored(topic: str, outputs: Iterable[Outgoing]) -> list[Stored]:
    return [Stored(0, offset, 0, each.key, each.value) for offset, each in enumerate(outputs) if each.topic == topic]


def exported(wire: Wire, log: list[Message], outputs: list[Outgoing], *cameras: str) -> list[Logged]:
    messages = [Stored(each.partition, each.offset, each.appended_at, each.key, each.value) for each in log]
    refused = refusals(stored(CAMERA_EVENTS, outputs), wire)
    return list(records(messages, wire, Partitioning(), refused, frozenset(cameras)))


def facts(wire: Wire, outputs: Iterable[Outgoing], camera_id: str) -> list[Event]:
    events = [wire.decode(each.value) for each in outputs if each.topic in TOPICS.values()]
    return [each for each in events if each.camera_id == camera_id]


@pytest.fixture
def wire() -> Wire:
    return make_wire()


@pytest.mark.parametrize("name", ["log.ndjson", "log.avro"])
def test_an_exported_log_replays_to_what_was_published_live(name: str, wire: Wire, tmp_path: Path) -> None:
    log = live_log(wire)
    outputs = published(wire, log)
    counts = write(tmp_path / name, exported(wire, log, outputs))
    summary = run((tmp_path / name).read_bytes(), tmp_path / "replayed")
    assert set(summary.cameras) == {"c1", "c2", ""}
    for camera_id, camera in summary.cameras.items():
        assert camera.digests == digests(facts(wire, outputs, camera_id))
    assert summary.refused == {"UNDECODABLE": 2, "UNSIGNED": 1, "WRONG_KEY": 1, "POISON": 1, "DUPLICATE": 1, "LATE": 1}
    assert summary.read == counts
    assert counts.total() == len(log)


def test_what_was_refused_live_is_not_judged_again(wire: Wire) -> None:
    log = live_log(wire)
    (forged,) = [each for each in exported(wire, log, published(wire, log)) if each.place == "partition 0, offset 8"]
    assert isinstance(forged.record, RecordRefused)
    assert forged.record.reason == "UNSIGNED"


def test_an_export_of_one_camera_holds_only_its_records(wire: Wire) -> None:
    log = live_log(wire)
    assert {each.record.camera_id for each in exported(wire, log, published(wire, log), "c2")} == {"c2"}


def test_bytes_that_nobody_refused_end_the_export_with_their_place(wire: Wire) -> None:
    with pytest.raises(ExportError, match=r"partition 0, offset 7: .*camera-events does not name it as refused"):
        exported(wire, [message(b"hello", 7)], [])


def test_a_record_of_another_topic_that_nobody_refused_ends_the_export(wire: Wire) -> None:
    snapshot = CameraSnapshot(
        camera_id="c1", format=1, fold_version=1, epoch=0, partition=0, next_offset=0, watermark=0, state=b""
    )
    with pytest.raises(ExportError, match="CameraSnapshot does not belong"):
        exported(wire, [message(wire.encode(snapshot), 7)], [])


def test_an_export_that_fails_leaves_the_file_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"before")
    odd: LogRecord = msgspec.structs.replace(frame(0), boxes=b"\0")
    with pytest.raises(ExportError):
        write(path, [Logged("", frame(0)), Logged("", odd)])
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"before"]


def test_a_container_in_memory_is_a_log_too(wire: Wire, tmp_path: Path) -> None:
    log = live_log(wire)
    path = tmp_path / "log.avro"
    write(path, exported(wire, log, published(wire, log), "c1"))
    assert replay(io.BytesIO(path.read_bytes()), tmp_path / "replayed", Plan()).cameras.keys() == {"c1"}
