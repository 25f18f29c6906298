"""The shell around the fold: what it lets through, what it refuses and names, and what it hands on."""

import asyncio
import struct
import time
from itertools import cycle

import msgspec
import pytest

from schemas.events import CameraSnapshot, DefineZones, Position, RecordRefused, TracksObserved, Zone, ZonesDefined
from schemas.registry import RegistryUnavailableError
from schemas.topics import CAMERA_EVENTS, CAMERA_SNAPSHOTS, DEAD_LETTERS, TRACKS
from schemas.wire import Wire, schema_text
from stream_processors.agents.camera_fold import HOUR_MS, CameraFold, Guarded
from stream_processors.agents.intake import MAX_DETECTIONS
from stream_processors.domain.camera import CameraState
from stream_processors.runtime import snapshots
from stream_processors.runtime.messages import Message, Outgoing
from stream_processors.runtime.partitioning import Partitioning, home
from tests.runtime.logs import START, VERIFIER, frame, make_fold, make_wire, message, signed

ZONE = Zone(zone_id="z", name="Desk", kind="WORK", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
DEFINE = DefineZones(camera_id="c1", command_id="k1", zones=(ZONE,))


def apply(wire: Wire, *messages: Message) -> tuple[Guarded, list[Outgoing]]:
    """Fold messages from an empty state; the outputs of the last one."""
    fold = make_fold(wire)
    state, outputs = Guarded(CameraState("c1")), list[Outgoing]()
    for each in messages:
        state, outputs = asyncio.run(fold.apply(state, each))
    return state, outputs


@pytest.fixture
def wire() -> Wire:
    return make_wire()


REFUSED = {
    "bytes that are no Avro": ("UNDECODABLE", b"hello", b"c1"),
    "no value": ("UNDECODABLE", None, b"c1"),
    "an id nobody registered": ("UNKNOWN_SCHEMA", struct.pack(">bI", 0, 999) + b"x", b"c1"),
    "a frame under another camera's key": ("WRONG_KEY", "frame", b"c2"),
    "a frame without a key": ("WRONG_KEY", "frame", None),
    "an unsigned command": ("UNSIGNED", "command", b"c1"),
    "a derived record": ("UNDECODABLE", "derived", b"c1"),
    "a frame whose boxes and scores do not fit": ("POISON", "malformed", b"c1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_that_cannot_be_folded_is_named_kept_and_changes_nothing(
    name: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.patience.REGISTERED_WITHIN_S", 0.0)
    reason, what, key = REFUSED[name]
    records = {
        "frame": frame(0),
        "command": DEFINE,
        "derived": CameraSnapshot(
            camera_id="c1", format=1, fold_version=1, epoch=0, partition=0, next_offset=0, watermark=0, state=b""
        ),
        "malformed": msgspec.structs.replace(frame(0), scores=b"\0\0\0"),
    }
    value = wire.encode(records[what]) if isinstance(what, str) else what
    before = Guarded(CameraState("c1"))
    state, outputs = asyncio.run(make_fold(wire).apply(before, message(value, 7, key=key)))
    assert state.camera is before.camera
    letter, named = outputs
    assert letter.topic == DEAD_LETTERS
    assert letter.value == (value or b"")
    headers = dict(letter.headers)
    assert (headers["reason"], headers["offset"]) == (reason.encode(), b"7")
    refusal = wire.decode(named.value)
    assert isinstance(refusal, RecordRefused)
    assert named.topic == CAMERA_EVENTS
    assert (refusal.reason, refusal.position.offset) == (reason, 7)


def test_a_signed_command_is_folded(wire: Wire) -> None:
    _, (defined,) = apply(wire, signed(wire, DEFINE, 0))
    assert isinstance(wire.decode(defined.value), ZonesDefined)


def test_a_command_appended_after_its_expiry_is_refused(wire: Wire) -> None:
    _, (_, named) = apply(wire, signed(wire, DEFINE, 10, expires_at=START))
    refusal = wire.decode(named.value)
    assert isinstance(refusal, RecordRefused)
    assert refusal.reason == "EXPIRED"


def test_a_command_signed_for_one_camera_is_refused_in_anothers_log(wire: Wire) -> None:
    stolen = signed(wire, DEFINE, 0)
    other = msgspec.structs.replace(DEFINE, camera_id="c2")
    moved = message(wire.encode(other), 0, key=b"c2", headers=stolen.headers)
    _, (_, named) = apply(wire, moved)
    refusal = wire.decode(named.value)
    assert isinstance(refusal, RecordRefused)
    assert refusal.reason == "UNSIGNED"


def test_a_record_that_belongs_in_another_partition_is_refused(wire: Wire) -> None:
    """As a producer with librdkafka's own partitioner would put it: the camera would have two states."""
    fold = CameraFold(wire, VERIFIER, Partitioning(4))
    record = message(wire.encode(frame(0)), 0)
    assert home(b"c1", 4) != record.partition
    state, outputs = asyncio.run(fold.apply(fold.new(b"c1"), record))
    assert state.camera.admission.accepted == 0
    refusal = wire.decode(outputs[1].value)
    assert isinstance(refusal, RecordRefused)
    assert (refusal.reason, "murmur2_random" in refusal.detail) == ("WRONG_KEY", True)


def test_a_frame_with_more_detections_than_any_detector_yields_is_poison(wire: Wire) -> None:
    """The log takes a megabyte, which is fifty thousand boxes: one such frame would hold up every other camera."""
    people = MAX_DETECTIONS + 1
    crowd = msgspec.structs.replace(frame(0), boxes=bytes(16 * people), scores=bytes(4 * people))
    state, (_, named) = apply(wire, message(wire.encode(crowd), 0))
    refusal = wire.decode(named.value)
    assert isinstance(refusal, RecordRefused)
    assert (refusal.reason, state.camera.admission.accepted) == ("POISON", 0)


def test_a_record_whose_outputs_no_topic_takes_is_poison_and_changes_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_processors.agents.camera_fold.DERIVED_RECORD_BYTES", 100)
    before = Guarded(CameraState("c1"))
    state, (_, named) = asyncio.run(make_fold(wire).apply(before, message(wire.encode(frame(0)), 0)))
    refusal = wire.decode(named.value)
    assert isinstance(refusal, RecordRefused)
    assert refusal.reason == "POISON"
    assert state.camera is before.camera


def test_the_hosts_clock_may_jump_as_it_likes(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [message(wire.encode(frame(seq)), seq) for seq in range(3)]
    _, calm = apply(wire, *records)
    jumps = cycle([0, 4_000_000_000, -5])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: next(jumps) * 10**9)
    assert apply(wire, *records)[1] == calm


def test_the_detectors_time_travels_beside_the_tracks(wire: Wire) -> None:
    timed = message(wire.encode(frame(0)), 0, headers=[("detector-ms", b"13.5"), ("other", b"x")])
    _, outputs = apply(wire, timed)
    (tracks,) = [output for output in outputs if output.topic == TRACKS]
    assert isinstance(wire.decode(tracks.value), TracksObserved)
    assert tracks.headers == [("detector-ms", b"13.5")]


def test_the_first_frame_of_an_hour_leaves_the_state_before_it_as_a_snapshot(wire: Wire) -> None:
    records = [frame(seq) for seq in range(4)]
    assert records[2].observed_at % HOUR_MS == 0
    before, _ = apply(wire, *(message(wire.encode(each), offset) for offset, each in enumerate(records[:2])))
    _, at_hour = apply(wire, *(message(wire.encode(each), offset) for offset, each in enumerate(records[:3])))
    (kept,) = [wire.decode(output.value) for output in at_hour if output.topic == CAMERA_SNAPSHOTS]
    assert isinstance(kept, CameraSnapshot)
    assert kept.next_offset == 2
    restored = snapshots.load(kept)
    assert snapshots.dump(restored, _position(2)) == snapshots.dump(before.camera, _position(2))
    _, after = apply(wire, *(message(wire.encode(each), offset) for offset, each in enumerate(records)))
    assert not [output for output in after if output.topic == CAMERA_SNAPSHOTS]


def test_a_snapshot_restores_the_state(wire: Wire) -> None:
    fold = make_fold(wire)
    state, _ = apply(wire, message(wire.encode(frame(0)), 0), message(wire.encode(frame(1)), 1))
    raw = fold.dump(state, 0, 2)
    restored = fold.load(b"c1", 0, raw)
    assert fold.dump(restored, 0, 2) == raw
    third = message(wire.encode(frame(2)), 2)
    assert asyncio.run(fold.apply(restored, third))[1] == asyncio.run(fold.apply(state, third))[1]


def test_a_snapshot_of_another_partition_is_never_used(wire: Wire) -> None:
    fold = make_fold(wire)
    raw = fold.dump(fold.new(b"c1"), 3, 2)
    with pytest.raises(snapshots.UnusableSnapshotError, match="partition 3"):
        fold.load(b"c1", 0, raw)


def test_a_snapshot_of_another_camera_counts_as_damaged(wire: Wire) -> None:
    fold = make_fold(wire)
    with pytest.raises(snapshots.DamagedSnapshotError, match="another record"):
        fold.load(b"c2", 0, fold.dump(fold.new(b"c1"), 0, 2))


@pytest.mark.parametrize("change", [{"format": 99}, {"fold_version": 99}])
def test_a_snapshot_of_newer_code_says_so(change: dict[str, int]) -> None:
    snapshot = snapshots.dump(CameraState("c1"), _position(2))
    with pytest.raises(snapshots.NewerSnapshotError, match="newer"):
        snapshots.load(msgspec.structs.replace(snapshot, **change))


def test_a_damaged_snapshot_is_named() -> None:
    snapshot = snapshots.dump(CameraState("c1"), _position(2))
    with pytest.raises(snapshots.DamagedSnapshotError, match="damaged"):
        snapshots.load(msgspec.structs.replace(snapshot, state=snapshot.state[:-3]))


class ForgetfulRegistry:
    """A registry that is away for the first questions about an id."""

    def __init__(self, schemas: dict[int, str], absences: int) -> None:
        self._schemas = schemas
        self.absences = absences

    def register(self, subject: str, schema: str) -> int:
        raise NotImplementedError

    def schema(self, schema_id: int) -> str | None:
        if self.absences:
            self.absences -= 1
            raise RegistryUnavailableError("away")
        return self._schemas.get(schema_id)


def test_while_the_registry_is_away_a_record_waits_and_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_processors.agents.intake.RETRY_S", 0.0)
    writer = make_wire()
    value = writer.encode(frame(0))
    (schema_id,) = struct.unpack_from(">I", value, 1)
    registry = ForgetfulRegistry({schema_id: schema_text("FrameObserved")}, absences=3)
    fold = make_fold(_Reading(registry, writer))
    state, outputs = asyncio.run(fold.apply(Guarded(CameraState("c1")), message(value, 0)))
    assert registry.absences == 0
    assert state.camera.admission.accepted == 1
    assert [output.topic for output in outputs if output.topic == DEAD_LETTERS] == []


class _Reading(Wire):
    """Reads through one registry and writes as another wire does."""

    def __init__(self, registry: ForgetfulRegistry, writer: Wire) -> None:
        super().__init__(registry)
        self.encode = writer.encode  # type: ignore[method-assign]


def _position(offset: int) -> Position:
    return Position(epoch=0, partition=0, offset=offset, index=0)
