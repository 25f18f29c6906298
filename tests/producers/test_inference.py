from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from detectors.appearance import Embedder, HsvEmbedder
from detectors.detector import Detections, Image
from detectors.scores import ScoreContract
from detectors.scripted import ScriptedDetector
from producers.handover import Guidance
from producers.inference import Inference
from producers.mailbox import Mailboxes, MailboxSink, Offered
from producers.results import AnyResult, CaptureEnded, LoadReported, Looked, Pictured
from schemas.events import CameraStatusChanged, FrameObserved
from tests.producers.frames import GREY, captured

SCORES = ScoreContract(floor=0.35, high=0.5, birth=0.6, low_only_ms=1_000)
TWO_PEOPLE = Detections.of([[-3.5, 4, 20, 40, 0.9], [30, 5, 50, 47.25, 0.4]])
NOBODY = Detections.of([])


class SlowDetector(ScriptedDetector):
    """Takes 12.5 ms of a hand-turned clock for each image, and remembers the batches."""

    def __init__(self, clock: Any) -> None:
        super().__init__([TWO_PEOPLE, NOBODY], name="slow@0123abcd", scores=SCORES)
        self._clock = clock
        self.batches: list[int] = []
        self.max_batch = 1

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        self._clock.now_s += 0.0125 * len(images)
        if images:
            self.batches.append(len(images))
        return super().detect(images)


class Bench:
    """An inference with its mailboxes, its detector and its results."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.mailboxes = Mailboxes()
        self.detector = SlowDetector(clock)
        self.results: list[AnyResult] = []
        self.watched = False
        self.embedder: Embedder | None = None
        self._sinks: dict[str, MailboxSink] = {}

    def sink(self, camera_id: str = "cam") -> MailboxSink:
        if camera_id not in self._sinks:
            self._sinks[camera_id] = MailboxSink(self.mailboxes, camera_id)
        return self._sinks[camera_id]

    def run(self) -> list[AnyResult]:
        for sink in self._sinks.values():
            sink.close()
        self.mailboxes.finish()
        Inference(
            self.detector,
            self.mailboxes,
            self.clock,
            self.results.append,
            watched=lambda _: self.watched,
            embedder=self.embedder,
        ).run()
        return self.results


@pytest.fixture
def bench(clock: Any) -> Bench:
    return Bench(clock)


def test_a_frame_becomes_a_record_that_says_all_the_fold_needs(bench: Bench) -> None:
    bench.sink().put_frame(captured(number=6, observed_at=1_700_000_000_123, skipped={"rate": 3}), wait=False)
    looked, _ = bench.run()
    assert isinstance(looked, Looked)
    assert looked.detector_ms == pytest.approx(12.5)
    assert looked.record == FrameObserved(
        camera_id="cam",
        session="s",
        seq=6,
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


def test_the_detectors_time_is_its_own(bench: Bench) -> None:
    def slow_image() -> Image:
        bench.clock.now_s += 5
        return GREY

    bench.sink().put_frame(captured(image=slow_image), wait=False)
    looked = bench.run()[0]
    assert isinstance(looked, Looked)
    assert looked.detector_ms == pytest.approx(12.5)


def never() -> Image:
    raise AssertionError("nobody was to look at this frame")


def test_a_stale_frame_is_not_looked_at(bench: Bench) -> None:
    bench.sink().put_frame(captured(number=0, image=never), wait=False)
    bench.sink().put_frame(captured(number=1), wait=False)
    assert [each.record.seq for each in bench.run() if isinstance(each, Looked)] == [1]


def test_a_gated_frame_is_passed_on_and_not_looked_at(bench: Bench) -> None:
    bench.sink().put_frame(captured(image=never, gated=True), wait=False)
    looked = bench.run()[0]
    assert isinstance(looked, Looked)
    assert looked.record.gated
    assert (looked.record.boxes, looked.record.scores, looked.detector_ms) == (b"", b"", None)
    assert bench.detector.batches == []


def test_status_changes_and_the_end_are_told_in_their_place(bench: Bench) -> None:
    lost = CameraStatusChanged(camera_id="cam", changed_at=7, status="BACKOFF", reason="TIMEOUT")
    bench.sink().put_frame(captured(), wait=False)
    bench.sink().put_status(lost)
    results = bench.run()
    assert isinstance(results[0], Looked)
    assert results[1:] == [lost, CaptureEnded(camera_id="cam")]


@pytest.mark.parametrize(("batch", "batches"), [(1, [1, 1, 1, 1, 1]), (4, [4, 1]), (8, [5])])
def test_a_batch_is_as_large_as_it_may_be_and_keeps_each_cameras_result_to_it(
    bench: Bench, batch: int, batches: list[int]
) -> None:
    for number in range(5):
        bench.sink(f"c{number}").put_frame(captured(f"c{number}", number), wait=False)
    bench.detector.max_batch = batch
    results = [each for each in bench.run() if isinstance(each, Looked)]
    assert bench.detector.batches == batches
    assert [(each.record.camera_id, each.record.seq) for each in results] == [(f"c{n}", n) for n in range(5)]
    assert [len(each.record.scores) for each in results] == [8, 0, 8, 0, 8]


def test_a_capture_is_told_what_was_looked_at_and_when_somebody_was_seen(bench: Bench) -> None:
    told: list[Guidance] = []

    def tell(guidance: Guidance) -> None:
        told.append(guidance)
        if len(told) == 2:
            bench.mailboxes.close("cam")

    bench.mailboxes.open("cam", tell)
    for number in range(2):
        bench.mailboxes.put("cam", Offered(captured(number=number), replaceable=False))
    bench.run()
    # The script says two people, one of them surely there, then nobody.
    assert [(each.looked_at, each.seen_at) for each in told] == [(0, 0), (100, 0)]


def test_what_people_look_like_is_sent_along_where_that_is_wanted(bench: Bench) -> None:
    bench.embedder = HsvEmbedder()
    for number in range(2):
        bench.sink(f"c{number}").put_frame(captured(f"c{number}", number), wait=False)
    two, nobody = (each.record for each in bench.run() if isinstance(each, Looked))
    assert two.appearance == HsvEmbedder().embed(GREY, TWO_PEOPLE.boxes).tobytes()
    assert nobody.appearance == b""


def test_a_picture_is_released_once_it_was_looked_at(bench: Bench) -> None:
    steps: list[str] = []

    def image() -> Image:
        steps.append("looked at")
        return GREY

    bench.mailboxes.open("cam", lambda _: None)
    bench.mailboxes.put("cam", Offered(captured(image=image), True, lambda: steps.append("released")))
    bench.mailboxes.close("cam")
    bench.run()
    assert steps == ["looked at", "released"]


@pytest.mark.parametrize("watched", [True, False])
def test_a_picture_is_sent_only_while_somebody_looks(bench: Bench, watched: bool) -> None:
    bench.watched = watched
    bench.sink().put_frame(captured(observed_at=77), wait=False)
    pictures = [each for each in bench.run() if isinstance(each, Pictured)]
    assert len(pictures) == watched
    for picture in pictures:
        view = picture.view
        assert view.observed_at == 77
        assert np.array_equal(view.image, GREY)
        assert view.found.boxes.tolist() == TWO_PEOPLE.boxes.tolist()


def test_the_load_is_reported_every_second_of_work(bench: Bench) -> None:
    def slow_image() -> Image:
        bench.clock.now_s += 0.4
        return GREY

    for number in range(10):
        bench.sink(f"c{number}").put_frame(captured(f"c{number}", image=slow_image), wait=False)
    reports = [each for each in bench.run() if isinstance(each, LoadReported)]
    assert len(reports) == 3
    assert reports[-1] == LoadReported(cap_fps=60, resting=())
