from typing import Any

import numpy as np
import pytest

from producers.sources.address import WebcamAddress
from producers.sources.source import SourceLostError
from producers.sources.webcam import WebcamSource


class Webcam:
    """A stand-in for `cv2.VideoCapture` that gives `frames` pictures and is then unplugged."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.frames > 0

    def set(self, _property: int, _value: float) -> bool:
        return False  # drivers may refuse any property

    def read(self) -> tuple[bool, Any]:
        self.frames -= 1
        return (True, np.zeros((48, 64, 3), dtype=np.uint8)) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def source_of(webcam: Webcam, clock: Any) -> tuple[WebcamSource, list[int]]:
    asked: list[int] = []

    def capture(index: int) -> Webcam:
        asked.append(index)
        return webcam

    return WebcamSource(WebcamAddress(2), clock, capture=capture), asked


def test_the_webcam_asked_for_is_opened_and_stamped_on_arrival(clock: Any) -> None:
    source, asked = source_of(Webcam(3), clock)
    source.open()
    clock.sleep(0.25)
    frame = source.read()
    assert asked == [2]
    assert frame.observed_at == clock.utc_ms()
    assert frame.time_source == "ARRIVAL"


def test_a_webcam_that_is_not_there_is_lost_by_name(clock: Any) -> None:
    source, _ = source_of(Webcam(0), clock)
    with pytest.raises(SourceLostError, match="webcam:2 is not there") as raised:
        source.open()
    assert raised.value.reason == "NOT_FOUND"


def test_a_webcam_pulled_out_is_lost_and_let_go_of(clock: Any) -> None:
    webcam = Webcam(1)
    source, _ = source_of(webcam, clock)
    source.open()
    source.read()
    with pytest.raises(SourceLostError, match="unplugged") as raised:
        source.read()
    source.close()
    assert raised.value.reason == "END_OF_STREAM"
    assert webcam.released
