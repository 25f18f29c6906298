from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from producers.capture import CaptureLoop
from producers.mailbox import Item, Mailboxes
from producers.session import Captured
from producers.settings import CameraSettings
from producers.sources.memory import MemorySource, Play
from producers.sources.source import SourceLostError, SourceUnusableError
from schemas.events import CameraStatusChanged

SMALL, LARGE = np.zeros((48, 64, 3), dtype=np.uint8), np.zeros((96, 128, 3), dtype=np.uint8)
REFUSED = SourceLostError("REFUSED", "nobody there")
TIMEOUT = SourceLostError("TIMEOUT", "silent for 2 s")


class Recorder(Mailboxes):
    """Mailboxes that keep everything."""

    def __init__(self) -> None:
        super().__init__(["cam"])
        self.items: list[Item] = []
        self.closed = False

    def put_frame(self, captured: Captured, *, wait: bool) -> None:  # noqa: ARG002 - nothing to wait for
        self.items.append(captured)

    def put_status(self, status: CameraStatusChanged) -> None:
        self.items.append(status)

    def close(self, camera_id: str) -> None:
        assert camera_id == "cam"
        self.closed = True

    @property
    def frames(self) -> list[Captured]:
        return [item for item in self.items if isinstance(item, Captured)]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(item.status, item.reason) for item in self.items if isinstance(item, CameraStatusChanged)]


@pytest.fixture
def box() -> Recorder:
    return Recorder()


Capture = Callable[..., SourceUnusableError | None]


@pytest.fixture
def capture(box: Recorder, clock: Any) -> Capture:
    def play(plays: Sequence[Play], *, target_fps: float = 10, repeats: bool = True) -> SourceUnusableError | None:
        """Capture until the plays are over; a source that repeats is then stopped."""
        source = MemorySource(plays, clock, repeats=repeats)
        camera = CameraSettings(id="cam", source=SecretStr("webcam:0"), target_fps=target_fps)
        loop = CaptureLoop(camera, source, box, clock, lambda: source.openings > len(plays), uniform=lambda: 0.5)
        return loop.run()

    return play


def test_a_recording_streams_and_stops_at_its_end(capture: Capture, box: Recorder) -> None:
    assert capture([[SMALL] * 3], repeats=False) is None
    assert box.statuses == [("STREAMING", "OPENED"), ("STOPPED", "END_OF_STREAM")]
    assert len(box.frames) == 3
    assert box.closed


def test_statuses_stand_around_the_frames_they_speak_of(capture: Capture, box: Recorder) -> None:
    capture([[SMALL, TIMEOUT]])
    kinds = [item.status if isinstance(item, CameraStatusChanged) else "frame" for item in box.items]
    assert kinds == ["STREAMING", "frame", "BACKOFF", "STOPPED"]


def test_a_lost_camera_backs_off_longer_each_time_until_it_is_back(capture: Capture, box: Recorder, clock: Any) -> None:
    capture([[SMALL, REFUSED], [REFUSED], [REFUSED], [SMALL, REFUSED]])
    assert clock.slept == [0.25, 0.5, 1.0, 0.25]
    assert box.statuses == [
        ("STREAMING", "OPENED"),
        ("BACKOFF", "REFUSED"),
        ("STREAMING", "OPENED"),
        ("BACKOFF", "REFUSED"),
        ("STOPPED", "SHUTDOWN"),
    ]


def test_a_new_reason_is_news_and_the_same_one_is_not(capture: Capture, box: Recorder) -> None:
    capture([[REFUSED], [REFUSED], [TIMEOUT], [TIMEOUT], [REFUSED]])
    assert box.statuses[:-1] == [("BACKOFF", "REFUSED"), ("BACKOFF", "TIMEOUT"), ("BACKOFF", "REFUSED")]


def test_a_status_names_the_session_it_ends_and_none_when_none_was_open(capture: Capture, box: Recorder) -> None:
    capture([[SMALL, REFUSED], [TIMEOUT]])
    sessions = [item.session for item in box.items if isinstance(item, CameraStatusChanged)]
    session = box.frames[0].session.id
    assert sessions == [session, session, None, None]


def test_a_loop_of_a_recording_is_a_new_session_without_news(capture: Capture, box: Recorder) -> None:
    capture([[SMALL] * 2, [SMALL] * 2])
    assert box.statuses == [("STREAMING", "OPENED"), ("STOPPED", "SHUTDOWN")]
    first, second = box.frames[0].session, box.frames[2].session
    assert [frame.session for frame in box.frames] == [first, first, second, second]
    assert first.id != second.id


def test_another_resolution_begins_a_session_on_the_same_stream(capture: Capture, box: Recorder) -> None:
    capture([[SMALL, SMALL, LARGE, LARGE]], repeats=False)
    sessions = [frame.session for frame in box.frames]
    assert sessions[0] is sessions[1]
    assert sessions[2] is sessions[3]
    assert sessions[1] is not sessions[2]
    assert [session.size for session in sessions[1:3]] == [(64, 48), (128, 96)]


def test_frames_beyond_the_target_rate_are_skipped_and_counted(capture: Capture, box: Recorder) -> None:
    capture([[SMALL] * 10], target_fps=5, repeats=False)  # the memory source gives ten a second
    assert len(box.frames) in {5, 6}
    assert box.frames[0].session.skipped == {"rate": 10 - len(box.frames)}


def test_an_unusable_source_stops_the_camera_with_its_reason(capture: Capture, box: Recorder, clock: Any) -> None:
    error = SourceUnusableError("NOT_FOUND", "no such file")
    assert capture([[error], [SMALL]]) is error
    assert box.statuses == [("STOPPED", "NOT_FOUND")]
    assert clock.slept == []
    assert box.closed


def test_a_bug_in_a_source_closes_the_mailbox_and_is_not_hidden(box: Recorder, clock: Any) -> None:
    class Broken(MemorySource):
        def open(self) -> None:
            raise ZeroDivisionError

    camera = CameraSettings(id="cam", source=SecretStr("webcam:0"))
    with pytest.raises(ZeroDivisionError):
        CaptureLoop(camera, Broken([], clock), box, clock, lambda: False).run()
    assert box.closed
