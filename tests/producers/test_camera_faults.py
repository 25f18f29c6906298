"""What a real camera server can do to a capture: each fault ends in its state, and the camera comes back.

Real sockets, a real server process, FFmpeg, and the capture in a thread, as in the edge.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from producers.capture import CaptureLoop
from producers.clock import SystemClock
from producers.handover import Captured, Guidance
from producers.settings import CameraSettings
from producers.sources.factory import make_source
from schemas.events import CameraStatusChanged
from tests.producers.rtsp_camera import RtspCamera, running_camera
from tests.producers.rtsp_relay import RTCP, RTP, Mangle, Packet, relay, sender_report

SECRET = "open-sesame"
PATIENCE_S = 60


class Witness:
    """A sink that keeps everything and lets the test wait for what it expects."""

    def __init__(self) -> None:
        self.frames: list[Captured] = []
        self.statuses: list[CameraStatusChanged] = []
        self._changed = threading.Condition()

    def put_frame(self, captured: Captured, *, wait: bool) -> None:  # noqa: ARG002 - nothing to wait for
        with self._changed:
            self.frames.append(captured)
            self._changed.notify_all()

    def put_status(self, status: CameraStatusChanged) -> None:
        with self._changed:
            self.statuses.append(status)
            self._changed.notify_all()

    def alive(self, within_s: float) -> None:
        """Nobody minds."""

    def guidance(self) -> Guidance:
        return Guidance()

    def until(self, what: Callable[[], Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(what, PATIENCE_S), f"in vain; so far {self.told()}"

    def until_told(self, *wanted: tuple[str, str]) -> None:
        """Until these states were told last, in this order."""
        self.until(lambda: self.told()[-len(wanted) :] == list(wanted))

    def until_frames(self, count: int) -> None:
        """Until so many more frames have come."""
        enough = len(self.frames) + count
        self.until(lambda: len(self.frames) >= enough)

    def told(self) -> list[tuple[str, str]]:
        return [(status.status, status.reason) for status in self.statuses]


@contextmanager
def watching(url: str, **settings: Any) -> Iterator[Witness]:
    """A capture of that camera, at work."""
    stop = threading.Event()
    camera = CameraSettings.model_validate({"id": "cam", "source": url, "target_fps": 60, **settings})
    clock, witness = SystemClock(stop), Witness()
    loop = CaptureLoop(camera, make_source(camera, clock), witness, clock, stop.is_set)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield witness
    finally:
        stop.set()
        thread.join()


STARTED, OPENED = ("CONNECTING", "STARTED"), ("STREAMING", "OPENED")


def test_a_server_that_is_killed_and_restarted_is_found_again_with_a_new_session(fragile_camera: RtspCamera) -> None:
    with watching(fragile_camera.url) as witness:
        witness.until_frames(5)
        fragile_camera.kill()
        witness.until(lambda: witness.told()[-1][0] == "BACKOFF")
        fragile_camera.start()
        witness.until_told(OPENED)
        witness.until_frames(5)
    assert witness.told()[:2] == [STARTED, OPENED]
    assert {reason for status, reason in witness.told() if status == "BACKOFF"} <= {
        "END_OF_STREAM",
        "REFUSED",
        "DECODE",
    }
    assert witness.frames[0].session != witness.frames[-1].session
    assert witness.told()[-1] == ("STOPPED", "SHUTDOWN")


def test_a_server_that_freezes_is_stalled_then_away_and_found_again_when_it_wakes(fragile_camera: RtspCamera) -> None:
    with watching(fragile_camera.url) as witness:
        witness.until_frames(5)
        fragile_camera.freeze()
        frozen_at = time.monotonic()
        witness.until_told(OPENED, ("STALLED", "TIMEOUT"))
        noticed_s = time.monotonic() - frozen_at
        witness.until_told(("STALLED", "TIMEOUT"), ("BACKOFF", "TIMEOUT"))
        fragile_camera.wake()
        witness.until_told(("BACKOFF", "TIMEOUT"), OPENED)
        witness.until_frames(5)
    assert noticed_s >= 1.9  # not before the camera had its time; how long after is the benchmark's affair


def test_a_wrong_password_is_told_and_stands_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        running_camera("right") as camera,
        watching(f"rtsp://admin:{SECRET}@127.0.0.1:{camera.port}/live") as witness,
    ):
        witness.until_told(STARTED, ("BACKOFF", "AUTHENTICATION"))
    printed = capfd.readouterr()
    assert SECRET not in f"{printed.out}{printed.err}{witness.statuses}"
    assert witness.statuses[1].detail.startswith(f"rtsp://127.0.0.1:{camera.port}: ")


def test_the_right_password_opens() -> None:
    with (
        running_camera("right") as camera,
        watching(f"rtsp://admin:right@127.0.0.1:{camera.port}/live") as witness,
    ):
        witness.until_told(STARTED, OPENED)


def test_a_stream_that_is_not_there_is_not_found(rtsp_camera: RtspCamera) -> None:
    with watching(f"rtsp://127.0.0.1:{rtsp_camera.port}/elsewhere") as witness:
        witness.until_told(STARTED, ("BACKOFF", "NOT_FOUND"))


def test_another_resolution_in_the_running_stream_is_told_and_begins_a_session(fragile_camera: RtspCamera) -> None:
    with watching(fragile_camera.url) as witness:
        witness.until_frames(5)
        fragile_camera.resize(320, 240)
        witness.until_told(OPENED, ("STREAMING", "RESOLUTION"))
        witness.until_frames(5)
    sizes = {captured.session: captured.frame.size for captured in witness.frames}
    assert list(sizes.values()) == [(160, 120), (320, 240)]


@contextmanager
def watching_through(camera: RtspCamera, mangle: Mangle) -> Iterator[Witness]:
    with relay(camera.port, mangle) as port, watching(f"rtsp://127.0.0.1:{port}/live") as witness:
        yield witness


class Switch:
    """Passes packets on until it is thrown, and does its worst from then on."""

    def __init__(self, worst: Mangle) -> None:
        self.thrown = False
        self._worst = worst

    def __call__(self, channel: int, content: bytes) -> Any:
        return self._worst(channel, content) if self.thrown and channel == RTP else [(channel, content)]


def torn(channel: int, content: bytes) -> list[Packet]:
    """A packet that arrives with garbage for content."""
    return [(channel, content[:12] + random.randbytes(len(content) - 12))]


def garbage(_channel: int, content: bytes) -> list[Packet]:
    """A packet that is none, on a channel there is not."""
    return [(random.choice([7, 36, 255]), random.randbytes(len(content)))]


def test_single_torn_packets_are_counted_and_survived(rtsp_camera: RtspCamera) -> None:
    chance = random.Random(1)

    def bruised(channel: int, content: bytes) -> list[Packet]:
        return torn(channel, content) if channel == RTP and chance.random() < 0.2 else [(channel, content)]

    with watching_through(rtsp_camera, bruised) as witness:
        witness.until(lambda: witness.frames and witness.frames[-1].skipped.get("damaged", 0))
        witness.until_frames(10)
        assert witness.told() == [STARTED, OPENED]


@pytest.mark.parametrize("worst", [torn, garbage])
def test_a_stream_of_garbage_loses_the_camera_which_is_found_again_after_it(
    rtsp_camera: RtspCamera, worst: Mangle
) -> None:
    switch = Switch(worst)
    with watching_through(rtsp_camera, switch) as witness:
        witness.until_frames(5)
        switch.thrown = True
        witness.until(lambda: witness.told()[-1][0] in {"BACKOFF", "STALLED"})
        switch.thrown = False
        witness.until_told(OPENED)
        witness.until_frames(5)
    assert {reason for status, reason in witness.told() if status != "STREAMING"} <= {
        "STARTED", "DECODE", "TIMEOUT", "OTHER", "SHUTDOWN",
    }  # fmt: skip


def test_with_a_third_of_its_packets_lost_a_camera_goes_on_streaming(rtsp_camera: RtspCamera) -> None:
    chance = random.Random(1)

    def lossy(channel: int, content: bytes) -> list[Packet]:
        return [] if channel == RTP and chance.random() < 0.3 else [(channel, content)]

    with watching_through(rtsp_camera, lossy) as witness:
        witness.until_frames(40)
        assert witness.told() == [STARTED, OPENED]
    times = [captured.frame.observed_at for captured in witness.frames]
    assert times == sorted(set(times))


def reporting(error_s: float, every: int = 10) -> Mangle:
    """A camera that tells its wall clock, wrong by so much, before every so many pictures."""
    packets = iter(range(1_000_000))

    def mangle(channel: int, content: bytes) -> list[Packet]:
        if channel != RTP or next(packets) % every:
            return [(channel, content)]
        return [(RTCP, sender_report(content, time.time() + error_s)), (channel, content)]

    return mangle


def test_a_camera_that_tells_its_wall_clock_is_believed_from_then_on(rtsp_camera: RtspCamera) -> None:
    """Its clock is half a second behind ours: more than the way takes, and what only its own word can show."""
    with watching_through(rtsp_camera, reporting(-0.5)) as witness:
        witness.until(lambda: witness.frames and witness.frames[-1].frame.time_source == "RTCP")
        witness.until_frames(20)
        now = time.time() * 1000
    newest = witness.frames[-1]
    assert now - newest.frame.observed_at > 450
    assert len({captured.frame.time_source for captured in witness.frames if captured.session == newest.session}) == 1
    steps = {
        later.frame.observed_at - earlier.frame.observed_at
        for earlier, later in zip(witness.frames[-20:], witness.frames[-19:], strict=False)
    }
    assert steps <= {39, 40, 41}  # 25 pictures a second by the camera's own count, however they travelled


def test_a_camera_that_lives_in_1970_is_stamped_on_arrival(rtsp_camera: RtspCamera) -> None:
    reports: list[float] = []

    def mangle(channel: int, content: bytes) -> list[Packet]:
        if channel != RTP:
            return [(channel, content)]
        reports.append(time.time())
        return [(RTCP, sender_report(content, 100.0 + len(reports) / 25)), (channel, content)]

    with watching_through(rtsp_camera, mangle) as witness:
        witness.until_frames(40)
        now = time.time() * 1000
    assert reports
    assert {captured.frame.time_source for captured in witness.frames} == {"ARRIVAL"}
    assert len({captured.session for captured in witness.frames}) == 1
    assert abs(now - witness.frames[-1].frame.observed_at) < 60_000


def test_a_slow_camera_keeps_no_other_waiting(rtsp_camera: RtspCamera) -> None:
    """Each capture has its own thread or process: a camera that accepts and says nothing holds up nobody."""
    silence = threading.Event()

    def silent(_channel: int, _content: bytes) -> list[Packet]:
        silence.wait(PATIENCE_S)
        return []

    with watching_through(rtsp_camera, silent) as slow, watching(rtsp_camera.url) as other:
        other.until_frames(10)
        assert slow.told() == [STARTED]
        silence.set()


@pytest.mark.parametrize("hwaccel", ["auto", "cuda", "qsv"])
def test_a_camera_is_decoded_in_software_where_the_hardware_is_missing(rtsp_camera: RtspCamera, hwaccel: str) -> None:
    with watching(rtsp_camera.url, hwaccel=hwaccel) as witness:
        witness.until_frames(5)
        assert witness.told() == [STARTED, OPENED]
    image = witness.frames[-1].frame.image()
    assert image.shape == (120, 160, 3)
    # 60 with a bar of 220 over a tenth of it.
    assert image.mean() == pytest.approx(76, abs=6)
