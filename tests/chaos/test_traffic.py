"""What is sent of a camera: every frame in its order, held back now and then, with mishaps between."""

from itertools import islice

from schemas.events import FrameObserved
from schemas.wire import UndecodableError
from tests.chaos.memory import BEGINS_AT, make_pen
from tests.chaos.mishaps import Pen, Record
from tests.chaos.traffic import camera_log

FRAMES = 600


def ticks(pen: Pen) -> list[list[Record]]:
    return list(islice(camera_log("c1", 4, BEGINS_AT, pen), FRAMES))


def film_frames(records: list[Record], pen: Pen) -> list[int]:
    """Numbers of the frames of the film, as first sent."""
    numbers: list[int] = []
    for record in records:
        try:
            event = pen.wire.decode(record.value)
        except UndecodableError:
            continue
        if isinstance(event, FrameObserved) and event.session == "film" and event.seq not in numbers:
            numbers.append(event.seq)
    return numbers


def test_every_frame_is_sent_in_its_order_whatever_comes_between() -> None:
    pen = make_pen()
    sent = film_frames([record for tick in ticks(pen) for record in tick], pen)
    assert sent == list(range(len(sent)))
    assert len(sent) > FRAMES - 200


def test_a_link_that_was_down_delivers_all_it_held_back_at_once() -> None:
    lengths = [len(tick) for tick in ticks(make_pen())]
    assert 0 in lengths
    longest = max(lengths)
    before = lengths[lengths.index(longest) - 1]
    assert (longest > 20, before) == (True, 0)


def test_the_log_begins_with_zones_to_walk_through() -> None:
    pen = make_pen()
    first = ticks(pen)[0]
    assert [type(pen.wire.decode(record.value)).__name__ for record in first] == ["FrameObserved", "DefineZones"]
