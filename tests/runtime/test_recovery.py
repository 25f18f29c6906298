"""States are what they were, whatever the changelog lost: compared byte for byte with a worker that never stopped."""

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from schemas.events import DefineZones, Zone
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, CAMERA_SNAPSHOTS, CAMERAS_CHANGELOG
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime import changelog
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.recovery import Recovery
from stream_processors.runtime.snapshots import UnusableSnapshotError
from tests.runtime.logs import START, frame, make_fold, make_wire
from tests.runtime.memory_broker import MemoryBroker, Worker, compact, recover

CAMERAS = ("c1", "c2")
KEYS = tuple(camera.encode() for camera in CAMERAS)
WIRE = make_wire()
ZONE = Zone(zone_id="z", name="Desk", kind="WORK", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))


@pytest.fixture
def broker() -> MemoryBroker:
    """Two cameras in turn, 60 records; one is poison, and one an unsigned command that would draw zones."""
    broker = MemoryBroker()
    for offset in range(60):
        camera, at = CAMERAS[offset % 2], START + 100 * offset
        value = WIRE.encode(frame(offset // 2, camera_id=camera, at=at))
        if offset == 30:
            value = b"poison"
        if offset == 31:
            value = WIRE.encode(DefineZones(camera_id=camera, command_id="k", zones=(ZONE,)))
        broker.append(CAMERA_LOG, camera.encode(), value, at + 10)
    return broker


@pytest.fixture
def fold() -> CameraFold:
    return make_fold(WIRE)


@pytest.fixture
def worker(broker: MemoryBroker, fold: CameraFold) -> Worker:
    """Has checkpointed at 20, 40 and 50."""
    worker = Worker(broker, fold)
    for end in (20, 40, 50):
        worker.fold_to(end)
        worker.checkpoint()
    return worker


def assert_recovered(broker: MemoryBroker, fold: CameraFold, worker: Worker) -> None:
    """Every state is there and is what the worker had, and delivery goes on where it was acknowledged."""
    restored = recover(broker, fold)
    assert restored.next_offset == broker.group
    assert restored.states.keys() == worker.states.keys()
    for key, reached in restored.states.items():
        recovered = fold.dump(reached.state, 0, worker.reached[key])
        assert recovered == worker.state_bytes(key), key


def lost() -> float:
    return REGISTRY.get_sample_value("aforo_log_stretches_lost_total") or 0.0


def test_states_come_from_the_changelog_and_nothing_is_folded_again(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    assert_recovered(broker, fold, worker)
    assert (CAMERA_LOG, 50) in broker.read_from, "to know when the next record was written, and no more"
    assert [topic for topic, _ in broker.read_from].count(CAMERA_LOG) == 1


def test_a_new_installation_begins_at_the_beginning(fold: CameraFold, broker: MemoryBroker) -> None:
    restored = recover(broker, fold)
    assert (restored.next_offset, restored.states, restored.stored) == (0, {}, {})


@pytest.mark.usefixtures("worker")
def test_a_snapshot_ahead_of_the_commit_counts_and_its_records_are_delivered_again(
    broker: MemoryBroker, fold: CameraFold
) -> None:
    broker.group = 40  # died after the marker, before the commit
    restored = recover(broker, fold)
    assert restored.next_offset == 40
    assert {reached.next_offset for reached in restored.states.values()} == {49, 50}


def test_an_old_snapshot_written_late_by_a_worker_that_was_stopped_does_no_harm(
    broker: MemoryBroker, fold: CameraFold
) -> None:
    zombie = Worker(broker, fold)
    zombie.fold_to(20)
    late = {key: zombie.snapshot(key) for key in zombie.states}
    worker = Worker(broker, fold)
    worker.fold_to(50)
    worker.checkpoint()
    for key, snapshot in late.items():
        broker.append(CAMERAS_CHANGELOG, key, snapshot, 0)
    assert_recovered(broker, fold, worker)


@pytest.mark.parametrize("with_hourly", [True, False])
def test_a_state_behind_its_marker_is_made_again_from_the_log(
    broker: MemoryBroker, fold: CameraFold, with_hourly: bool
) -> None:
    """The newer snapshot was compacted away because the old one was written after it."""
    zombie = Worker(broker, fold)
    zombie.fold_to(20)
    late = zombie.snapshot(b"c1")
    worker = Worker(broker, fold)
    worker.next_offset, worker.states, worker.reached = 20, dict(zombie.states), dict(zombie.reached)
    worker.fold_to(50)
    worker.checkpoint()
    if not with_hourly:
        broker.topics[CAMERA_SNAPSHOTS].clear()
    broker.append(CAMERAS_CHANGELOG, b"c1", late, 0)
    compact(broker, CAMERAS_CHANGELOG)
    assert_recovered(broker, fold, worker)
    assert (CAMERA_LOG, 19) in broker.read_from, "from the stored state on, not from the log's beginning"


def test_a_damaged_snapshot_is_made_again_from_the_hourly_one(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    broker.append(CAMERAS_CHANGELOG, b"c1", worker.snapshot(b"c1")[:-7], 0)
    compact(broker, CAMERAS_CHANGELOG)
    assert_recovered(broker, fold, worker)
    first_hour_frame = 2  # the frame at which START's UTC hour is over
    assert min(begin for topic, begin in broker.read_from if topic == CAMERA_LOG) == first_hour_frame


def test_a_damaged_snapshot_without_an_hourly_one_is_made_again_from_the_first_record(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    broker.topics[CAMERA_SNAPSHOTS].clear()
    broker.append(CAMERAS_CHANGELOG, b"c2", b"\xc1", 0)
    compact(broker, CAMERAS_CHANGELOG)
    before = lost()
    assert_recovered(broker, fold, worker)
    assert lost() == before


@pytest.mark.usefixtures("worker")
def test_what_the_log_no_longer_holds_is_said_exactly_and_counted(broker: MemoryBroker, fold: CameraFold) -> None:
    broker.topics[CAMERA_SNAPSHOTS].clear()
    broker.append(CAMERAS_CHANGELOG, b"c2", b"\xc1", 0)
    compact(broker, CAMERAS_CHANGELOG)
    broker.drop_below(CAMERA_LOG, 33)
    before = lost()
    with capture_logs() as said:
        restored = recover(broker, fold)
    (loss,) = [entry for entry in said if entry["log_level"] == "error"]
    assert (loss["key"], loss["topic"], loss["offset"], loss["until"]) == ("c2", CAMERA_LOG, 0, 33)
    assert lost() == before + 1
    assert restored.states[b"c2"].state.camera.admission.accepted == len(range(33, 50, 2))
    assert restored.states[b"c1"].state.camera.admission.accepted == 25 - 1


@pytest.mark.usefixtures("worker")
def test_records_deleted_before_they_were_folded_are_said_and_counted(broker: MemoryBroker, fold: CameraFold) -> None:
    broker.drop_below(CAMERA_LOG, 57)
    before = lost()
    with capture_logs() as said:
        restored = recover(broker, fold)
    assert restored.next_offset == 57
    (loss,) = [entry for entry in said if entry["log_level"] == "error"]
    assert (loss["offset"], loss["until"]) == (50, 57)
    assert lost() == before + 1


def test_a_marker_behind_the_commit_is_an_old_one_and_vouches_for_nothing(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    zombie = Worker(broker, fold)
    zombie.fold_to(20)
    for key in (b"c2", changelog.MARKER_KEY):
        late = zombie.marker() if key == changelog.MARKER_KEY else zombie.snapshot(key)
        broker.append(CAMERAS_CHANGELOG, key, late, 0)
    compact(broker, CAMERAS_CHANGELOG)
    worker.reached = dict.fromkeys(worker.reached, 50)
    assert_recovered(broker, fold, worker)


def test_a_changelog_that_was_lost_altogether_is_made_again_from_the_log(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    broker.topics[CAMERAS_CHANGELOG].clear()
    worker.reached = dict.fromkeys(worker.reached, 50)
    assert_recovered(broker, fold, worker)


def test_what_was_refused_is_not_judged_again(broker: MemoryBroker, worker: Worker) -> None:
    """A key that was taken out of the trusted ones since, or put in, must not change what was published."""
    trusting = make_fold(WIRE)
    trusting._intake._verifier = AllTrusting()  # type: ignore[assignment]
    broker.topics[CAMERAS_CHANGELOG].clear()
    worker.reached = dict.fromkeys(worker.reached, 50)
    assert_recovered(broker, trusting, worker)
    assert worker.states[b"c2"].camera.zones.layout.revision == 0


def test_what_was_refused_is_found_when_the_brokers_clock_was_set_back_before_it_was_said(
    broker: MemoryBroker, worker: Worker
) -> None:
    broker.topics[CAMERA_EVENTS] = [
        replace(each, appended_at=each.appended_at - 3_600_000) for each in broker.topics[CAMERA_EVENTS]
    ]
    test_what_was_refused_is_not_judged_again(broker, worker)


class AllTrusting:
    def check(self, *_: object) -> None: ...


def test_poison_in_a_row_is_counted_on_over_a_rebuild(broker: MemoryBroker, fold: CameraFold) -> None:
    broker.topics[CAMERA_LOG][46:50] = [replace(each, value=b"poison") for each in broker.topics[CAMERA_LOG][46:50]]
    worker = Worker(broker, fold)
    worker.fold_to(50)
    worker.checkpoint()
    broker.topics[CAMERAS_CHANGELOG].clear()
    restored = recover(broker, fold)
    assert [restored.states[key].state.poisoned for key in KEYS] == [2, 2]


@pytest.mark.parametrize("written", ["changelog", "snapshot"])
@pytest.mark.usefixtures("worker")
def test_a_snapshot_of_newer_code_stops_the_worker_before_it_writes(
    broker: MemoryBroker, fold: CameraFold, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if written == "changelog":
        broker.append(CAMERAS_CHANGELOG, b"c1", b"\x93\x02\x00\xa0", 0)  # [2, 0, ""]
    else:
        monkeypatch.setattr("stream_processors.runtime.snapshots.FORMAT", 1)
        monkeypatch.setattr("stream_processors.runtime.snapshots._UPCASTS", {})
    with pytest.raises(UnusableSnapshotError, match="newer"):
        recover(broker, fold)


def test_the_oldest_record_of_a_compacted_changelog_may_be_a_deletion(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    broker.append(CAMERAS_CHANGELOG, b"gone", None, 0)
    broker.append(CAMERAS_CHANGELOG, None, b"no key", 0)
    assert_recovered(broker, fold, worker)


def test_a_log_that_lost_its_end_is_told_before_its_places_are_taken_twice(
    broker: MemoryBroker, fold: CameraFold, worker: Worker
) -> None:
    recovery = Recovery(broker, fold, CAMERA_LOG, CAMERAS_CHANGELOG, Partitioning())
    recovery.require_same_log([0])
    del broker.topics[CAMERA_LOG][worker.next_offset - 1 :]
    with pytest.raises(UnusableSnapshotError, match="ends at 49, but was folded up to 50"):
        recovery.require_same_log([0])
