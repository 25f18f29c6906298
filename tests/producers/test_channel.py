"""The hand-over between two processes, both ends in one: order, pictures, and what an end that dies leaves behind."""

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.detector import Image
from producers.channel import PICTURES, CaptureLink, ChannelSink, channel
from producers.frames import Frame
from producers.handover import Captured, Guidance, HandoverClosedError
from producers.mailbox import Item, Mailboxes, Offered
from producers.results import CaptureEnded
from schemas.events import CameraStatusChanged
from tests.producers.frames import captured

BACKOFF = CameraStatusChanged(camera_id="cam", changed_at=0, status="BACKOFF")


def picture(value: int, width: int = 64, height: int = 48) -> Image:
    return np.full((height, width, 3), value, dtype=np.uint8)


def of_size(width: int, height: int, value: int) -> Captured:
    frame = Frame(value, "FILE", width, height, lambda: picture(value, width, height))
    return Captured("cam", "s", value, frame, gated=False, skipped={})


class Ends:
    """A channel with a capture at one end and an inference at the other."""

    def __init__(self) -> None:
        self.its_end, self.our_end = channel()
        self.mailboxes = Mailboxes()
        self.alive: list[float] = []
        self.sink = ChannelSink(self.its_end, self.alive.append)
        self.link = CaptureLink("cam", self.our_end, self.mailboxes)

    def hear(self, messages: int = 1) -> list[bool]:
        return [self.link.receive() for _ in range(messages)]

    def take(self) -> Item:
        items = self.mailboxes.take(1, 5)
        assert items
        return items[0]

    def frame(self) -> Offered:
        item = self.take()
        assert isinstance(item, Offered)
        return item

    def close(self) -> None:
        self.its_end.close()
        self.our_end.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def test_a_frame_comes_across_as_it_was_handed_on(ends: Ends) -> None:
    sent = captured(number=7, image=lambda: picture(7), skipped={"rate": 3, "gate": 1})
    ends.sink.put_frame(sent, wait=False)
    ends.hear(2)
    offered = ends.frame()
    got = offered.captured
    assert (got.camera_id, got.session, got.number, got.gated, got.skipped) == ("cam", "s", 7, False, sent.skipped)
    assert (got.frame.observed_at, got.frame.time_source, got.frame.size) == (700, "FILE", (64, 48))
    assert np.array_equal(got.frame.image(), picture(7))
    assert offered.replaceable


def test_pictures_do_not_overwrite_each_other(ends: Ends) -> None:
    frames = []
    for number in range(PICTURES):
        ends.sink.put_frame(captured(number=number, image=partial(picture, number)), wait=False)
        ends.hear(2 if number == 0 else 1)
        frames.append(ends.frame())
    for number, offered in enumerate(frames):
        assert np.array_equal(offered.captured.frame.image(), picture(number))


def test_with_every_place_taken_a_live_frame_is_stale_at_once(ends: Ends) -> None:
    held = []
    for number in range(PICTURES):
        ends.sink.put_frame(captured(number=number), wait=False)
        ends.hear(2 if number == 0 else 1)
        held.append(ends.frame())
    ends.sink.put_frame(captured(number=3), wait=False)
    held[0].release()
    ends.sink.put_frame(captured(number=4), wait=False)
    ends.hear()
    assert ends.frame().captured.number == 4


def test_a_patient_source_waits_for_a_place_and_gives_signs_of_life_meanwhile(ends: Ends) -> None:
    waiting = threading.Event()

    class Patient(ChannelSink):
        def _hear(self, patience_s: float = 0) -> None:
            if patience_s:
                waiting.set()
            super()._hear(patience_s)

    sink = Patient(ends.its_end, ends.alive.append)
    for number in range(PICTURES):
        sink.put_frame(captured(number=number), wait=True)
    writer = threading.Thread(target=sink.put_frame, args=(captured(number=PICTURES),), kwargs={"wait": True})
    writer.start()
    assert waiting.wait(5)
    ends.hear(PICTURES + 1)
    ends.frame().release()
    writer.join(5)
    ends.hear()
    assert [ends.frame().captured.number for _ in range(PICTURES)] == [1, 2, 3]
    assert ends.alive


def test_a_stale_frame_gives_its_place_back(ends: Ends) -> None:
    for number in range(10):
        ends.sink.put_frame(captured(number=number, image=partial(picture, number)), wait=False)
        ends.hear(2 if number == 0 else 1)
    offered = ends.frame()
    assert offered.captured.number == 9
    assert np.array_equal(offered.captured.frame.image(), picture(9))


def test_larger_pictures_get_room_and_older_ones_keep_theirs(ends: Ends) -> None:
    ends.sink.put_frame(of_size(64, 48, 1), wait=False)
    ends.hear(2)
    small = ends.frame()
    ends.sink.put_frame(of_size(640, 480, 2), wait=False)
    ends.hear(2)
    large = ends.frame()
    small.release()  # of memory that is not used any more
    ends.sink.put_frame(of_size(64, 48, 3), wait=False)
    ends.hear()
    assert np.array_equal(small.captured.frame.image(), picture(1))
    assert np.array_equal(large.captured.frame.image(), picture(2, 640, 480))
    assert np.array_equal(ends.frame().captured.frame.image(), picture(3))


def test_a_gated_frame_needs_no_place(ends: Ends) -> None:
    for number in range(PICTURES + 2):
        ends.sink.put_frame(captured(number=number, gated=True), wait=False)
        ends.hear()
    offered = ends.frame()
    assert offered.captured.gated
    with pytest.raises(LookupError, match="gated"):
        offered.captured.frame.image()


def test_status_changes_keep_their_place_among_the_frames(ends: Ends) -> None:
    ends.sink.put_frame(captured(number=0), wait=False)
    ends.sink.put_status(BACKOFF)
    ends.sink.put_frame(captured(number=1), wait=False)
    ends.hear(4)
    assert ends.frame().captured.number == 0
    assert ends.take() == BACKOFF
    assert ends.frame().captured.number == 1


def test_the_capture_hears_what_it_is_told(ends: Ends) -> None:
    assert ends.sink.guidance() == Guidance()
    ends.mailboxes.guide("cam", Guidance(4.0, 100, None))
    ends.mailboxes.guide("cam", Guidance(2.0, 200, 100))
    assert ends.sink.guidance() == Guidance(2.0, 200, 100)


def test_the_last_words_of_a_capture_that_dies_are_heard_before_its_end(ends: Ends) -> None:
    ends.mailboxes.guide("cam", Guidance(4.0))  # which it does not live to hear
    ends.sink.put_frame(captured(number=0), wait=False)
    ends.sink.put_status(BACKOFF)
    ends.its_end.close()
    heard: list[bool] = []
    while not heard or heard[-1]:
        heard += ends.hear()
    ends.link.close()
    ends.mailboxes.finish()
    items = []
    while (more := ends.mailboxes.take(1, 5)) is not None:
        items += more
    assert isinstance(items[0], Offered)
    assert items[1:] == [BACKOFF, CaptureEnded(camera_id="cam")]


def test_telling_a_capture_that_is_gone_is_harmless(ends: Ends) -> None:
    ends.sink.put_frame(captured(number=0), wait=False)
    ends.hear(2)
    offered = ends.frame()
    ends.its_end.close()
    offered.release()
    ends.mailboxes.guide("cam", Guidance())
    ends.our_end.close()
    offered.release()


def test_telling_a_capture_that_does_not_listen_never_waits(ends: Ends) -> None:
    for _ in range(10_000):
        ends.mailboxes.guide("cam", Guidance())


SAY: dict[str, Callable[[ChannelSink], object]] = {
    "frame": lambda sink: sink.put_frame(captured(), wait=False),
    "status": lambda sink: sink.put_status(BACKOFF),
    "nothing": lambda sink: sink.guidance(),
}


@pytest.mark.parametrize("what", SAY)
def test_a_capture_whose_reader_is_gone_ends(ends: Ends, what: str) -> None:
    ends.our_end.close()
    with pytest.raises(HandoverClosedError):
        SAY[what](ends.sink)


def open_memory() -> int:
    """Pictures this process has descriptors or mappings of."""
    return Path("/proc/self/maps").read_text().count("aforo-pictures") + sum(
        "aforo-pictures" in str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()
    )


def test_no_memory_is_left_when_both_ends_are_gone() -> None:
    before = open_memory()

    def use() -> None:
        ends = Ends()
        for number in range(3):
            ends.sink.put_frame(of_size(64 * (number + 1), 48, number), wait=False)
            ends.hear(2)
            ends.frame()
        assert open_memory() > before
        ends.its_end.close()
        ends.link.close()

    use()
    assert open_memory() == before


def test_both_ends_keep_the_boundaries_of_messages() -> None:
    ends: tuple[Any, ...] = channel()
    try:
        assert {end.type for end in ends} == {socket.SOCK_SEQPACKET}
    finally:
        for end in ends:
            end.close()
