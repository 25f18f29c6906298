from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.detector import Detections, Image
from detectors.scores import ScoreContract
from detectors.scripted import ScriptedDetector
from producers.frames import Frame
from producers.inference import Inference
from producers.mailbox import Mailboxes
from producers.memory import MemoryCameraLog
from producers.session import Captured, Session
from schemas.events import CameraStatusChanged, FrameObserved

SCORES = ScoreContract(floor=0.35, high=0.5, birth=0.6, low_only_ms=1_000)
TWO_PEOPLE = Detections.of([[-3.5, 4, 20, 40, 0.9], [30, 5, 50, 47.25, 0.4]])
NOBODY = Detections.of([])

Read = Callable[[], list[Any]]


class SlowDetector(ScriptedDetector):
    """Takes 12.5 ms of a hand-turned clock."""

    def __init__(self, script: list[Detections], clock: Any) -> None:
        super().__init__(script, name="slow@0123abcd", scores=SCORES)
        self._clock = clock

    def detect(self, images: Any) -> list[Detections]:
        self._clock.now_s += 0.0125
        return super().detect(images)


def frame(observed_at: int, image: Callable[[], Image] | None = None) -> Frame:
    return Frame(observed_at, "FILE", 64, 48, image or (lambda: np.zeros((48, 64, 3), dtype=np.uint8)))


@pytest.fixture
def mailboxes() -> Mailboxes:
    return Mailboxes(["cam"])


def run(mailboxes: Mailboxes, log: Any, clock: Any, *, stopping: Callable[[], bool] = lambda: False) -> None:
    mailboxes.close("cam")
    Inference(SlowDetector([TWO_PEOPLE, NOBODY], clock), log, mailboxes, clock, stopping).run()


def test_a_frame_becomes_a_record_that_says_all_the_fold_needs(
    mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any, read: Read
) -> None:
    session = Session((64, 48), skipped={"rate": 3})
    mailboxes.put_frame(Captured("cam", session, frame(1_700_000_000_123)), wait=False)
    run(mailboxes, log, clock)
    assert read() == [
        FrameObserved(
            camera_id="cam",
            session=session.id,
            seq=0,
            observed_at=1_700_000_000_123,
            time_source="FILE",
            width=64,
            height=48,
            model="slow@0123abcd",
            score_floor=0.35,
            score_high=0.5,
            score_birth=0.6,
            low_only_ms=1_000,
            boxes=np.array([-3.5, 4, 20, 40, 30, 5, 50, 47.25], dtype="<f4").tobytes(),
            scores=np.array([0.9, 0.4], dtype="<f4").tobytes(),
            skipped={"rate": 3},
        )
    ]


def test_the_header_holds_the_detectors_own_time(mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any) -> None:
    def slow_image() -> Image:
        clock.now_s += 5  # not the detector's time
        return np.zeros((48, 64, 3), dtype=np.uint8)

    mailboxes.put_frame(Captured("cam", Session((64, 48)), frame(0, slow_image)), wait=False)
    run(mailboxes, log, clock)
    ((key, _, headers),) = log.records
    assert key == b"cam"
    assert headers == {"detector-ms": b"12.500"}


def test_published_frames_are_numbered_per_session_from_0(log: MemoryCameraLog, clock: Any, read: Read) -> None:
    first, second = Session((64, 48)), Session((64, 48))
    for session, moment in ((first, 1), (first, 2), (second, 3), (second, 4), (second, 5)):
        mailboxes = Mailboxes(["cam"])
        mailboxes.put_frame(Captured("cam", session, frame(moment)), wait=False)
        run(mailboxes, log, clock)
    assert [(entry.session, entry.seq) for entry in read()] == [
        (first.id, 0), (first.id, 1), (second.id, 0), (second.id, 1), (second.id, 2),
    ]  # fmt: skip


def test_a_stale_frame_costs_no_conversion_and_shows_in_the_next_records_counters(
    mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any, read: Read
) -> None:
    def never() -> Image:
        raise AssertionError("a stale frame was converted")

    session = Session((64, 48))
    mailboxes.put_frame(Captured("cam", session, frame(1, never)), wait=False)
    mailboxes.put_frame(Captured("cam", session, frame(2)), wait=False)
    run(mailboxes, log, clock)
    assert [(entry.seq, entry.observed_at, entry.skipped) for entry in read()] == [(0, 2, {"stale": 1})]


def test_status_changes_reach_the_log_in_their_place(
    mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any, read: Read
) -> None:
    lost = CameraStatusChanged(camera_id="cam", changed_at=7, status="BACKOFF", reason="TIMEOUT")
    mailboxes.put_frame(Captured("cam", Session((64, 48)), frame(1)), wait=False)
    mailboxes.put_status(lost)
    run(mailboxes, log, clock)
    entries = read()
    assert isinstance(entries[0], FrameObserved)
    assert entries[1] == lost


def test_while_the_log_is_full_the_frame_waits_and_is_written_once_there_is_room(
    mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any, read: Read
) -> None:
    log.capacity = 0
    plain_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        plain_sleep(seconds)
        if len(clock.slept) == 3:
            log.capacity = None

    clock.sleep = sleep
    mailboxes.put_frame(Captured("cam", Session((64, 48)), frame(1)), wait=False)
    run(mailboxes, log, clock)
    assert [entry.seq for entry in read()] == [0]
    assert len(clock.slept) == 3


def test_a_stopping_edge_does_not_wait_for_a_full_log(
    mailboxes: Mailboxes, log: MemoryCameraLog, clock: Any, read: Read
) -> None:
    log.capacity = 0
    session = Session((64, 48))
    mailboxes.put_frame(Captured("cam", session, frame(1)), wait=False)
    run(mailboxes, log, clock, stopping=lambda: True)
    assert read() == []
    assert session.published == 0
