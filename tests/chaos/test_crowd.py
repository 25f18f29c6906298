"""The made-up crowd: the same again for the same seed, and lively enough to be worth an account."""

from itertools import islice

from aforo.audit.refold import refold
from schemas.events import LineCrossed, TrackEnded, ZoneEntered, ZoneExited, ZoneMinuteMeasured
from tests.chaos.crowd import FRAME_MS, Walker, frames
from tests.chaos.memory import BEGINS_AT, as_log, make_fold, make_pen
from tests.chaos.mishaps import MISHAPS, Record


def film(seed: int, camera_id: str = "c1", count: int = 100) -> list[bytes]:
    return [frame.boxes for frame in islice(frames(camera_id, seed, BEGINS_AT), count)]


def test_a_seed_gives_the_same_film_again_and_another_one_another() -> None:
    assert film(1) == film(1)
    assert film(1) != film(2)
    assert film(1, "c1") != film(1, "c2")


def test_a_walker_comes_rests_and_goes() -> None:
    walker = Walker(enters_at=1_000, lane=0.5, pace=0.1, rests_at=0.3, rests_ms=5_000)
    places = {at: walker.foot(at) for at in (0, 1_000, 2_000, 4_000, 9_000, 10_000, 15_000, 16_100)}
    assert places[0] is None
    assert [round(place[0], 6) for place in places.values() if place] == [0.0, 0.1, 0.3, 0.3, 0.4, 0.9]
    assert places[16_100] is None


def test_the_crowd_visits_zones_crosses_the_line_and_fills_minutes() -> None:
    pen = make_pen()
    log: list[Record] = []
    for frame in islice(frames("c1", 1, BEGINS_AT), 120_000 // FRAME_MS):
        log.append(pen.plain(frame))
        if frame.seq == 0:
            log += MISHAPS["new zones"].records(pen, frame)
    said = {type(event) for event in refold(as_log(log, pen), make_fold(pen), pen.wire).outputs.values()}
    assert said >= {TrackEnded, ZoneEntered, ZoneExited, LineCrossed, ZoneMinuteMeasured}
