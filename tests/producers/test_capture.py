from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from producers.capture import CaptureLoop
from producers.clock import LiveClock
from producers.handover import Captured, Guidance, HandoverClosedError
from producers.settings import CameraSettings
from producers.sources.memory import MemorySource, Play
from producers.sources.source import LossReason, SourceLostError, SourceUnusableError
from schemas.events import CameraStatusChanged

SMALL, LARGE = np.zeros((48, 64, 3), dtype=np.uint8), np.zeros((96, 128, 3), dtype=np.uint8)
CAMERA = CameraSettings(id="cam", source=SecretStr("webcam:0"))
REFUSED = SourceLostError("REFUSED", "nobody there")
TIMEOUT = SourceLostError("TIMEOUT", "silent for 2 s")

STARTED = ("CONNECTING", "STARTED")
OPENED = ("STREAMING", "OPENED")
SHUTDOWN = ("STOPPED", "SHUTDOWN")


class Recorder:
    """A sink that keeps everything."""

    def __init__(self, clock: Any) -> None:
        self.items: list[Captured | CameraStatusChanged] = []
        self.waited: set[bool] = set()
        self.told = Guidance()
        self.alive_until: list[float] = []
        self._clock = clock

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        self.waited.add(wait)
        self.items.append(captured)

    def put_status(self, status: CameraStatusChanged) -> None:
        self.items.append(status)

    def alive(self, within_s: float) -> None:
        assert self._clock.monotonic() <= (self.alive_until or [self._clock.monotonic()])[-1]
        self.alive_until.append(self._clock.monotonic() + within_s)

    def guidance(self) -> Guidance:
        return self.told

    @property
    def frames(self) -> list[Captured]:
        return [item for item in self.items if isinstance(item, Captured)]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(item.status, item.reason) for item in self.items if isinstance(item, CameraStatusChanged)]


@pytest.fixture
def sink(clock: Any) -> Recorder:
    return Recorder(clock)


Capture = Callable[..., SourceUnusableError | None]


@pytest.fixture
def capture(sink: Recorder, clock: Any) -> Capture:
    def play(
        plays: Sequence[Play], *, repeats: bool = True, live: bool = False, **settings: Any
    ) -> SourceUnusableError | None:
        """Capture until the plays are over; a source that repeats is then stopped."""
        source = MemorySource(plays, clock, repeats=repeats, live=live)
        camera = CameraSettings(id="cam", source=SecretStr("webcam:0"), **settings)
        loop = CaptureLoop(camera, source, sink, clock, lambda: source.openings > len(plays), uniform=lambda: 0.5)
        return loop.run()

    return play


def test_a_recording_streams_and_stops_at_its_end(capture: Capture, sink: Recorder) -> None:
    assert capture([[SMALL] * 3], repeats=False) is None
    assert sink.statuses == [STARTED, OPENED, ("STOPPED", "END_OF_STREAM")]
    assert [captured.number for captured in sink.frames] == [0, 1, 2]


def test_statuses_stand_around_the_frames_they_speak_of(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL, REFUSED]])
    kinds = [item.status if isinstance(item, CameraStatusChanged) else "frame" for item in sink.items]
    assert kinds == ["CONNECTING", "STREAMING", "frame", "BACKOFF", "STOPPED"]


def test_a_lost_camera_backs_off_longer_each_time_until_it_is_back(
    capture: Capture, sink: Recorder, clock: Any
) -> None:
    capture([[SMALL, REFUSED], [REFUSED], [REFUSED], [SMALL, REFUSED]])
    assert clock.slept == [0.25, 0.5, 0.5, 0.25]
    lost = ("BACKOFF", "REFUSED")
    assert sink.statuses == [STARTED, OPENED, lost, OPENED, lost, SHUTDOWN]


def test_an_open_camera_that_falls_silent_is_stalled_and_one_that_does_not_answer_is_away(
    capture: Capture, sink: Recorder
) -> None:
    capture([[SMALL, TIMEOUT], [TIMEOUT], [TIMEOUT], [SMALL]])
    assert sink.statuses == [STARTED, OPENED, ("STALLED", "TIMEOUT"), ("BACKOFF", "TIMEOUT"), OPENED, SHUTDOWN]


def test_a_new_reason_is_news_and_the_same_one_is_not(capture: Capture, sink: Recorder) -> None:
    capture([[REFUSED], [REFUSED], [TIMEOUT], [TIMEOUT], [REFUSED]])
    assert sink.statuses[1:-1] == [("BACKOFF", "REFUSED"), ("BACKOFF", "TIMEOUT"), ("BACKOFF", "REFUSED")]


def test_a_wrong_password_is_tried_once_a_minute_and_the_capture_shows_that_it_lives(
    capture: Capture, sink: Recorder, clock: Any
) -> None:
    capture([[SourceLostError("AUTHENTICATION", "unauthorized")]])
    assert sum(clock.slept) == pytest.approx(60)
    assert max(clock.slept) <= 1
    assert len(sink.alive_until) > 60


def test_a_status_names_the_session_it_ends_and_none_when_none_was_open(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL, REFUSED], [TIMEOUT]])
    sessions = [item.session for item in sink.items if isinstance(item, CameraStatusChanged)]
    session = sink.frames[0].session
    assert sessions == [None, session, session, None, None]


def test_a_loop_of_a_recording_is_a_new_session_without_news(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL] * 2, [SMALL] * 2])
    assert sink.statuses == [STARTED, OPENED, SHUTDOWN]
    first, second = sink.frames[0].session, sink.frames[2].session
    assert [captured.session for captured in sink.frames] == [first, first, second, second]
    assert [captured.number for captured in sink.frames] == [0, 1, 0, 1]
    assert first != second


def test_another_resolution_begins_a_session_on_the_same_stream_and_is_told(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL, SMALL, LARGE, LARGE]], repeats=False)
    small, small_too, large, large_too = sink.frames
    assert small.session == small_too.session != large.session == large_too.session
    assert [captured.frame.size for captured in sink.frames] == [(64, 48), (64, 48), (128, 96), (128, 96)]
    assert sink.statuses == [STARTED, OPENED, ("STREAMING", "RESOLUTION"), ("STOPPED", "END_OF_STREAM")]


def test_another_resolution_after_a_loss_is_a_plain_opening(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL, REFUSED], [LARGE]])
    assert ("STREAMING", "RESOLUTION") not in sink.statuses


def test_a_step_of_the_hosts_clock_begins_a_session_in_the_new_time_and_is_no_news(clock: Any, sink: Recorder) -> None:
    class Webcam(MemorySource):
        """Stamped on arrival, ten a second; the host's clock is set at the fourth frame."""

        def open(self) -> None:
            super().open()
            self.times = LiveClock(clock)

        def read(self) -> Any:
            frame = super().read()
            if self._played == 4:
                clock.wall_offset_ms += 3_600_000
            moment = self.times.moment(None)
            return frame and replace(frame, observed_at=moment.observed_at, run=moment.run)

    source = Webcam([[SMALL] * 6], clock, live=True)
    CaptureLoop(
        CameraSettings(id="cam", source=SecretStr("webcam:0"), motion_gate=False), source, sink, clock, lambda: False
    ).run()
    before, after = sink.frames[:3], sink.frames[3:]
    assert len({captured.session for captured in before}) == len({captured.session for captured in after}) == 1
    assert before[0].session != after[0].session
    assert after[0].frame.observed_at - before[-1].frame.observed_at == 3_600_100
    assert [captured.number for captured in after] == [0, 1, 2]
    assert sink.statuses == [STARTED, OPENED, ("STOPPED", "END_OF_STREAM")]


def test_moments_that_come_again_by_the_cameras_own_clock_are_not_handed_on_twice(clock: Any, sink: Recorder) -> None:
    """From the fourth frame on the camera tells its time, 250 ms before arrival."""

    class Telling(MemorySource):
        def read(self) -> Any:
            frame = super().read()
            told = self._played > 3
            return frame and replace(frame, observed_at=frame.observed_at - 250 * told, run=int(told))

    CaptureLoop(CAMERA, Telling([[SMALL] * 8], clock, live=True), sink, clock, lambda: False).run()
    moments = [captured.frame.observed_at % 1000 for captured in sink.frames]
    assert moments == [0, 100, 200, 250, 350, 450]
    assert sink.frames[3].skipped == {"overlap": 2}


def frames_before(captured: Captured) -> int:
    """How many a memory source gave before this one: one every 100 ms, from a full second on."""
    return captured.frame.observed_at % 1_000_000 // 100


def test_frames_beyond_the_target_rate_are_skipped_and_counted(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL] * 11], target_fps=5, repeats=False)  # the memory source gives ten a second
    assert len(sink.frames) == 6  # one second has a frame at both ends
    assert sink.frames[-1].skipped == {"rate": frames_before(sink.frames[-1]) - 5}


def test_what_the_edge_cannot_look_at_is_skipped_for_load_and_a_resting_camera_is_shed(
    capture: Capture, sink: Recorder
) -> None:
    sink.told = Guidance(fps=5)
    capture([[SMALL] * 11], repeats=False)
    assert len(sink.frames) == 6
    assert sink.frames[-1].skipped == {"load": frames_before(sink.frames[-1]) - 5}
    sink.told, sink.items = Guidance(fps=0), []
    capture([[SMALL] * 11], repeats=False)
    assert sink.frames == []


class Blind(Recorder):
    """A sink whose detector looks at once and sees nobody."""

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        super().put_frame(captured, wait=wait)
        if not captured.gated:
            self.told = Guidance(looked_at=captured.frame.observed_at)


def test_a_closed_gate_hands_on_watched_frames_that_nobody_looks_at(clock: Any) -> None:
    blind = Blind(clock)
    source = MemorySource([[SMALL] * 100], clock, live=True)
    CaptureLoop(CAMERA, source, blind, clock, lambda: False).run()
    gated = [captured.gated for captured in blind.frames]
    assert not any(gated[:50])
    assert any(gated[50:])
    assert blind.frames[-1].skipped["gate"] > 30


def test_a_recording_played_fast_is_looked_at_whole_and_waited_for(capture: Capture, sink: Recorder) -> None:
    sink.told = Guidance(looked_at=0)
    capture([[SMALL] * 100], repeats=False)
    assert [captured.gated for captured in sink.frames] == [False] * 100
    assert sink.waited == {True}


def test_a_live_source_waits_for_nobody(capture: Capture, sink: Recorder) -> None:
    capture([[SMALL] * 3], repeats=False, live=True)
    assert sink.waited == {False}


def test_masks_are_filled_before_anybody_looks(capture: Capture, sink: Recorder) -> None:
    bright = np.full((48, 64, 3), 200, dtype=np.uint8)
    capture([[bright]], repeats=False, masks=(((0, 0), (0.5, 0), (0.5, 1), (0, 1)),))
    image = sink.frames[0].frame.image()
    assert not image[:, :32].any()
    assert image[:, 40:].all()


def test_what_could_not_be_decoded_is_counted(clock: Any, sink: Recorder) -> None:
    class Torn(MemorySource):
        def read(self) -> Any:
            frame = super().read()
            return frame and replace(frame, damaged=3)

    CaptureLoop(CAMERA, Torn([[SMALL] * 2], clock), sink, clock, lambda: False).run()
    assert [captured.skipped for captured in sink.frames] == [{"damaged": 3}, {"damaged": 6}]


def test_an_unusable_source_stops_the_camera_with_its_reason(capture: Capture, sink: Recorder, clock: Any) -> None:
    error = SourceUnusableError("NOT_FOUND", "no such file")
    assert capture([[error], [SMALL]]) is error
    assert sink.statuses == [STARTED, ("STOPPED", "NOT_FOUND")]
    assert clock.slept == []


class ClosesItself(MemorySource):
    """Counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("reason", ["REFUSED", "TIMEOUT"])
def test_a_lost_source_is_closed_before_the_wait(clock: Any, sink: Recorder, reason: LossReason) -> None:
    class Impatient:
        def __getattr__(self, name: str) -> Any:
            return getattr(clock, name)

        def sleep(self, seconds: float) -> None:
            assert source.closed == source.openings
            clock.sleep(seconds)

    source = ClosesItself([[SMALL, SourceLostError(reason, "gone")]], clock, repeats=True)
    CaptureLoop(CAMERA, source, sink, Impatient(), lambda: source.openings > 1).run()
    assert source.closed == source.openings == 2


def test_a_bug_in_a_source_closes_it_and_is_not_hidden(sink: Recorder, clock: Any) -> None:
    class Broken(ClosesItself):
        def read(self) -> Any:
            raise ZeroDivisionError

    source = Broken([[SMALL]], clock)
    with pytest.raises(ZeroDivisionError):
        CaptureLoop(CAMERA, source, sink, clock, lambda: False).run()
    assert source.closed == 1


class Closed(Recorder):
    """A sink nobody takes from."""

    def put_frame(self, captured: Captured, *, wait: bool) -> None:  # noqa: ARG002 - refuses them all
        raise HandoverClosedError


def test_a_sink_nobody_takes_from_ends_the_capture_and_closes_the_source(clock: Any) -> None:
    source = ClosesItself([[SMALL]], clock, repeats=True)
    with pytest.raises(HandoverClosedError):
        CaptureLoop(CAMERA, source, Closed(clock), clock, lambda: False).run()
    assert source.closed == 1
