"""What is wanted against what runs, turn by turn, with workers that do as they are told."""

from typing import Any

import pytest
from pydantic import SecretStr

from producers.settings import CameraSettings
from producers.supervisor import STABLE_S, STOP_S, Supervisor, delay_s
from tests.producers.clocks import ManualClock


class FakeWorker:
    def __init__(self) -> None:
        self.how: str | None = None
        self.ready = True
        self.hangs = False
        self.stops = 0
        self.kills = 0

    def stop(self) -> None:
        self.stops += 1

    def kill(self) -> None:
        self.kills += 1
        self.how = "killed by SIGKILL"

    def ended(self) -> str | None:
        return self.how

    def overdue(self, now: float) -> bool:  # noqa: ARG002 - it knows by itself
        return self.hangs


class FakeHouse:
    def __init__(self) -> None:
        self.detections: list[FakeWorker] = []
        self.captures: list[tuple[CameraSettings, FakeWorker]] = []

    def start_detection(self) -> FakeWorker:
        self.detections.append(FakeWorker())
        return self.detections[-1]

    def start_capture(self, camera: CameraSettings) -> FakeWorker:
        self.captures.append((camera, FakeWorker()))
        return self.captures[-1][1]

    def watch(self, camera_id: str, for_s: float) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Nothing runs."""

    def of(self, camera_id: str) -> list[FakeWorker]:
        return [worker for camera, worker in self.captures if camera.id == camera_id]


class Site:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.house = FakeHouse()
        self.supervisor = Supervisor(self.house, clock)

    def want(self, *cameras: CameraSettings) -> None:
        self.supervisor.want({camera.id: camera for camera in cameras})
        self.turns()

    def turns(self, seconds: float = 0.2) -> None:
        for _ in range(round(seconds / 0.1)):
            self.clock.sleep(0.1)
            self.supervisor.turn()


def camera(camera_id: str, **settings: Any) -> CameraSettings:
    return CameraSettings(id=camera_id, source=SecretStr("webcam:0"), **settings)


A, B = camera("a"), camera("b")


@pytest.fixture
def site(clock: ManualClock) -> Site:
    return Site(clock)


def test_cameras_begin_once_the_detector_is_ready(site: Site) -> None:
    site.turns()
    (detector,) = site.house.detections
    detector.ready = False
    site.want(A, B)
    assert site.house.captures == []
    detector.ready = True
    site.turns()
    assert [each.id for each, _ in site.house.captures] == ["a", "b"]


def test_what_runs_as_it_is_wanted_is_left_alone(site: Site) -> None:
    site.want(A, B)
    site.turns(10)
    assert len(site.house.captures) == 2
    assert len(site.house.detections) == 1


def test_a_camera_that_is_added_starts_and_the_others_go_on(site: Site) -> None:
    site.want(A)
    site.want(A, B)
    assert len(site.house.of("b")) == 1
    assert site.house.of("a")[0].stops == 0


def test_a_camera_that_is_changed_is_stopped_and_begun_anew_and_the_others_go_on(site: Site) -> None:
    site.want(A, B)
    changed = camera("a", target_fps=3)
    site.want(changed, B)
    (before,) = site.house.of("a")
    assert before.stops == 1
    before.how = ""
    site.turns()
    assert [each for each, _ in site.house.captures if each.id == "a"] == [A, changed]
    assert len(site.house.of("b")) == 1


def test_a_camera_that_is_not_wanted_any_more_is_stopped(site: Site) -> None:
    site.want(A, B)
    site.want(B)
    (gone,) = site.house.of("a")
    assert gone.stops == 1
    gone.how = ""
    site.turns(5)
    assert len(site.house.of("a")) == 1


def test_what_does_not_end_when_asked_is_killed_after_a_while(site: Site) -> None:
    site.want(A)
    site.want()
    (worker,) = site.house.of("a")
    site.turns(STOP_S - 1)
    assert worker.kills == 0
    site.turns(2)
    assert worker.kills == 1


def test_a_capture_that_dies_is_started_again_after_a_growing_delay(site: Site) -> None:
    site.want(A)
    delays = []
    for _ in range(4):
        site.house.of("a")[-1].how = "killed by SIGSEGV"
        died = site.clock.now_s
        count = len(site.house.of("a"))
        while len(site.house.of("a")) == count:
            site.turns(0.1)
        delays.append(site.clock.now_s - died)
    assert delays == pytest.approx([0.25, 0.5, 1.0, 2.0], abs=0.21)


def test_a_capture_that_ran_well_for_a_while_is_started_again_at_once(site: Site) -> None:
    site.want(A)
    for _ in range(5):
        site.house.of("a")[-1].how = "exit code 1"
        site.turns(10)
    site.turns(STABLE_S)
    site.house.of("a")[-1].how = "exit code 1"
    count = len(site.house.of("a"))
    site.turns(0.5)
    assert len(site.house.of("a")) == count + 1


def test_the_delay_has_an_end() -> None:
    assert delay_s(1_000) == 30


def test_a_capture_that_hangs_is_killed_and_started_again(site: Site) -> None:
    site.want(A, B)
    (hung,) = site.house.of("a")
    hung.hangs = True
    site.turns(1)
    assert hung.kills == 1
    assert len(site.house.of("a")) == 2
    assert len(site.house.of("b")) == 1


def test_a_recording_that_is_over_is_not_begun_again_until_it_is_changed(site: Site) -> None:
    site.want(A)
    site.house.of("a")[0].how = ""
    site.turns(5)
    assert len(site.house.of("a")) == 1
    assert site.supervisor.over
    site.want(camera("a", target_fps=3))
    assert len(site.house.of("a")) == 2
    assert not site.supervisor.over


def test_an_edge_is_over_only_when_every_camera_is(site: Site) -> None:
    site.want(A, B)
    site.house.of("a")[0].how = ""
    site.turns()
    assert not site.supervisor.over
    site.house.of("b")[0].how = "exit code 1"
    site.turns()
    assert not site.supervisor.over


def test_a_detector_that_dies_is_replaced_and_the_captures_with_it(site: Site) -> None:
    site.want(A, B)
    site.house.detections[0].how = "killed by SIGKILL"
    site.turns(1)
    assert len(site.house.detections) == 2
    assert [worker.kills for _, worker in site.house.captures] == [1, 1, 0, 0]
    assert len(site.house.of("a")) == len(site.house.of("b")) == 2


def test_a_detector_that_hangs_is_killed(site: Site) -> None:
    site.want(A)
    site.house.detections[0].hangs = True
    site.turns(1)
    assert site.house.detections[0].kills == 1
    assert len(site.house.detections) == 2


def test_at_the_end_the_captures_stop_first_and_the_detector_when_they_have(site: Site) -> None:
    site.want(A, B)
    site.supervisor.stop()
    site.turns()
    (detector,) = site.house.detections
    assert [worker.stops for _, worker in site.house.captures] == [1, 1]
    assert detector.stops == 0
    for _, worker in site.house.captures:
        worker.how = ""
    site.turns()
    assert detector.stops == 1
    assert not site.supervisor.stopped
    detector.how = ""
    site.turns()
    assert site.supervisor.stopped
    site.turns(60)
    assert len(site.house.detections) == 1


def test_a_detector_that_dies_at_the_end_is_not_replaced(site: Site) -> None:
    site.want(A)
    site.supervisor.stop()
    site.house.detections[0].how = "exit code 1"
    site.turns(60)
    assert site.supervisor.stopped
    assert len(site.house.detections) == 1


def test_a_fault_that_no_restart_can_mend_comes_out(site: Site) -> None:
    class BrokenWorker(FakeWorker):
        def ended(self) -> str | None:
            raise LookupError("no such model")

    site.house.start_detection = BrokenWorker  # type: ignore[method-assign]  # a test's house
    with pytest.raises(LookupError, match="no such model"):
        site.turns()
