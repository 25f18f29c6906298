"""What every frame source promises, checked on all of them."""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from producers.clock import SystemClock
from producers.sources.address import RtspAddress, WebcamAddress
from producers.sources.file import FileSource
from producers.sources.memory import MemorySource
from producers.sources.rtsp import RtspSource
from producers.sources.source import FrameSource
from producers.sources.webcam import WebcamSource

PICTURE = np.zeros((48, 64, 3), dtype=np.uint8)


class Webcam:
    """A stand-in for `cv2.VideoCapture`: there is no webcam on a build machine."""

    def __init__(self, index: int) -> None:
        self.index = index

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, _property: int, _value: float) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        return True, PICTURE.copy()

    def release(self) -> None:
        pass


KINDS = ["paced file", "fast file", "rtsp", "webcam", "memory"]


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, make_video: Callable[..., Path], clock: Any) -> Iterator[FrameSource]:
    def rtsp() -> FrameSource:
        camera = request.getfixturevalue("rtsp_camera")
        return RtspSource(RtspAddress(camera.url), SystemClock(threading.Event()), open_timeout_s=20, read_timeout_s=20)

    made: dict[str, Callable[[], FrameSource]] = {
        "paced file": lambda: FileSource(make_video(), clock, realtime=True),
        "fast file": lambda: FileSource(make_video(), clock, realtime=False),
        "rtsp": rtsp,
        "webcam": lambda: WebcamSource(WebcamAddress(0), clock, capture=Webcam),
        "memory": lambda: MemorySource([[PICTURE] * 6] * 2, clock),
    }
    one = made[request.param]()
    yield one
    one.close()


def test_event_time_increases_strictly_and_has_one_source(source: FrameSource) -> None:
    source.open()
    frames = [source.read() for _ in range(6)]
    times = [frame.observed_at for frame in frames if frame]
    assert len(times) == 6
    assert all(later > earlier for earlier, later in pairwise(times))
    assert len({frame.time_source for frame in frames if frame}) == 1


def test_a_frame_is_an_image_of_the_size_it_says(source: FrameSource) -> None:
    source.open()
    frame = source.read()
    assert frame is not None
    image = frame.image()
    assert image.shape == (frame.height, frame.width, 3)
    assert image.dtype == np.uint8


def test_a_frames_brightness_is_that_of_its_image(source: FrameSource) -> None:
    source.open()
    frame = source.read()
    assert frame is not None
    brightness = frame.brightness()
    assert brightness.shape == (frame.height, frame.width)
    assert brightness.dtype == np.uint8
    of_image = cv2.cvtColor(frame.image(), cv2.COLOR_BGR2GRAY).astype(int)
    assert np.abs(brightness - of_image).mean() < 4  # codecs store colours coarsely


def test_a_source_says_how_long_it_may_take(source: FrameSource) -> None:
    assert source.open_within_s > 0
    source.open()
    assert source.read_within_s > 0


def test_a_source_can_be_opened_again(source: FrameSource) -> None:
    for _ in range(2):
        source.open()
        assert source.read() is not None
        source.close()


def test_closing_is_harmless_before_opening_and_twice(source: FrameSource) -> None:
    source.close()
    source.open()
    source.close()
    source.close()
