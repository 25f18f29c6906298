"""What other systems get wrong on the same input, each by name, through the whole fold: boxes in, published facts out."""

import random
from itertools import pairwise

import pytest

from schemas.events import (
    CameraSilent,
    CameraStatusObserved,
    Event,
    FrameObserved,
    LineCrossed,
    Output,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
)
from schemas.wire import to_avro
from tests.domain.walks import (
    CAMERA,
    DESK,
    IN,
    MINUTE,
    START,
    box_at,
    define,
    entries,
    every,
    film,
    fold,
    frame,
    of,
    said,
    square,
    standing,
    unseen,
    vertical,
    walking,
)


def spans(records: list[Event]) -> list[tuple[int, int, str]]:
    """Visits as (entered, exited, reason), ms after START."""
    quiet = frame(999_999, START + 30 * MINUTE)
    return [
        (each.entered_at - START, each.exited_at - START, each.exit_reason)
        for each in said([*records, quiet], ZoneExited)
    ]


@pytest.mark.parametrize("points", [3, 4])
def test_a_visit_of_a_few_points_is_found_at_low_frame_rates(points: int) -> None:
    """One peer says nothing below five points; another gives it the few frames' own length."""
    passing = walking((START, 0.0625, 0.5), (START + 4_000, 0.9375, 0.5))
    times = every(2_000 // points, START, START + 4_000)
    inside_ms = 0.5 / 0.875 * 4_000
    ((entered, left, reason),) = spans([define(DESK), *film(times, passing, size=(512, 256))])
    assert left - entered == pytest.approx(inside_ms, abs=1)
    assert reason == "LEFT"


def test_frames_lost_in_mid_visit_leave_its_times_right_and_the_loss_marked() -> None:
    times = [at for at in every(100, START, START + 10_000) if not START + 4_000 < at < START + 5_500]
    records = [define(DESK), *film(times, IN)]
    assert spans(records) == [(0, 10_000, "TRACK_ENDED")]
    (minute,) = said([*records, frame(9_999, START + 2 * MINUTE)], ZoneMinuteMeasured)
    assert (minute.observed_ms, minute.person_ms, minute.frames) == (10_000, 10_000, 101 - 14)
    records = [each for each in records if not (START + 5_000 < getattr(each, "observed_at", START) < START + 6_500)]
    assert spans(records) == [(0, 4_000, "TRACK_ENDED"), (6_500, 10_000, "TRACK_ENDED")]
    (minute,) = said([*records, frame(9_999, START + 2 * MINUTE)], ZoneMinuteMeasured)
    assert (minute.observed_ms, minute.person_ms) == (7_500, 7_500), "the gap was not observed, and nobody is credited"


def test_a_camera_silent_while_somebody_is_inside_gives_no_dwell_for_the_silence() -> None:
    """Peers: an entry and never an exit, or a dwell of 65.9 s after the return at 66 s, or nothing that closes it."""
    silent = CameraSilent(camera_id=CAMERA, last_seen_at=START + 3_000, noticed_at=START + 13_000)
    back = [
        frame(1_000 + index, at, [box_at((0.5, 0.5))])
        for index, at in enumerate(every(100, START + 66_000, START + 68_000))
    ]
    records = [define(DESK), *film(every(100, START, START + 3_000), IN), silent, *back]
    assert spans(records) == [(0, 3_000, "TRACK_ENDED"), (66_000, 68_000, "TRACK_ENDED")]


def test_somebody_who_hovers_on_the_border_for_a_minute_makes_one_visit() -> None:
    """Peers: 70 to 291 events for a jitter of 3 pixels."""
    noise = random.Random(7)

    def hovering(at: int) -> tuple[float, float]:
        return (0.75 + noise.gauss(0, 3) / 1_024 if START + 2_000 < at < START + 62_000 else 0.70, 0.5)

    ((entered, left, _),) = spans([define(DESK), *film(every(100, START, START + 64_000), hovering)])
    assert (entered, left) == (0, 64_000)


def test_somebody_who_hovers_on_a_line_for_a_minute_crosses_it_at_most_when_the_side_is_held() -> None:
    noise = random.Random(7)
    records = [
        define(vertical("door", 0.5)),
        *film(every(100, START, START + 60_000), lambda _: (0.5 + noise.gauss(0, 3) / 1_024, 0.5)),
    ]
    crossed = said(records, LineCrossed)
    held = [later.crossed_at - each.crossed_at for each, later in pairwise(crossed)]
    assert all(length >= 500 for length in held)
    assert [each.direction for each in crossed] == (["ENTRY", "EXIT"] * 60)[crossed[0].direction == "EXIT" :][
        : len(crossed)
    ]


def test_one_flicker_to_the_other_side_is_no_crossing_and_no_visit() -> None:
    """A A A B A A A: a release of a peer counted two."""
    flicker = [0.484375] * 10 + [0.515625] + [0.484375] * 20
    seen = film(every(100, START, START + 3_000), lambda at: (flicker[(at - START) // 100], 0.5))
    records = [define(vertical("door", 0.5), square("right", 0.5, 0, 1, 1)), *seen]
    assert said(records, LineCrossed) == []
    assert spans(records) == []


def test_a_camera_that_falls_silent_for_good_leaves_its_visit_open_and_says_that_it_is_silent() -> None:
    """Nobody can know whether frames are on their way: no exit is made up, and no time is credited."""
    silent = [CameraSilent(camera_id=CAMERA, last_seen_at=START + 3_000, noticed_at=at) for at in
              every(MINUTE, START + 13_000, START + 13_000 + 60 * MINUTE)]  # fmt: skip
    outputs = fold(entries([define(DESK), *film(every(100, START, START + 3_000), IN), *silent]))[1]
    assert len(of(outputs, ZoneEntered)) == 1
    assert of(outputs, ZoneExited) == []
    assert of(outputs, ZoneMinuteMeasured) == []
    assert [(each.status, each.last_seen_at - START) for each in of(outputs, CameraStatusObserved)][-1] == (
        "SILENT",
        3_000,
    )


def old_log(start: int) -> list[Event]:
    """Two people at desk and door, 20 s at 10 frames/s."""
    one = walking((start, 0.0625, 0.4), (start + 10_000, 0.9375, 0.4), (start + 20_000, 0.0625, 0.4))
    other = unseen(standing(0.5, 0.9), start + 5_000, start + 6_000)
    whole = define(DESK, square("floor", 0, 0.75, 1, 1, kind="REST"), vertical("door", 0.5), command_id="k")
    return [whole, *film(every(100, start, start + 20_000), one, other)]


def test_an_old_log_gives_the_same_events_as_a_new_one_only_earlier() -> None:
    """A peer loses every event of an old log: its state expires against the wall clock."""
    old, new = fold(entries(old_log(START)))[1], fold(entries(old_log(START + 1_000_000 * MINUTE)))[1]
    assert shape(old) == shape(new)
    assert len(of(old, ZoneEntered)) == 3
    assert len(of(old, LineCrossed)) == 2


def shape(outputs: list[Output]) -> list[tuple[str, int]]:
    return [(type(each).__name__, each.position.offset) for each in outputs]


@pytest.mark.parametrize("batch", [1, 7, 100, 1_000])
def test_the_same_log_in_other_batches_gives_the_same_bytes(batch: int) -> None:
    """A backlog polled at once too: the watermark is that of the record, not of the batch."""
    log = entries(old_log(START))
    whole = [to_avro(each) for each in fold(log)[1]]
    state, pieces = None, []
    for first in range(0, len(log), batch):
        state, outputs = fold(log[first : first + batch], state)
        pieces += [to_avro(each) for each in outputs]
    assert pieces == whole


@pytest.mark.parametrize("lag_ms", [0, 11_000, 3_600_000])
def test_lag_changes_nothing(lag_ms: int) -> None:
    records = old_log(START)
    on_time = [to_avro(each) for each in fold(entries(records))[1]]
    assert [to_avro(each) for each in fold(entries(records, START + 20_000 + lag_ms))[1]] == on_time


def test_a_box_far_to_the_right_whose_foot_is_outside_the_frame_stays_outside() -> None:
    """A peer clipped the box first, and so moved the foot into the zone."""
    all_of_it = square("all", 0, 0, 1, 1)
    wide = [frame(index, START + index * 100, [(900.0, 300.0, 1_300.0, 800.0)]) for index in range(1, 50)]
    assert of(fold(entries([define(all_of_it), *wide]))[1], TracksObserved)[-1].tracks[0].zone_ids == ()
    assert said([define(all_of_it), *wide], ZoneEntered) == []


def test_a_box_cut_by_the_lower_edge_keeps_its_foot_in_the_zone() -> None:
    floor = square("floor", 0.25, 0.75, 0.75, 1)
    cut = [frame(index, START + index * 100, [(480.0, 700.0, 560.0, 1_200.0)]) for index in range(1, 50)]
    assert len(said([define(floor), *cut], ZoneEntered)) == 1


@pytest.mark.parametrize("step_ms", [33, 100, 333])
@pytest.mark.parametrize(("stay_ms", "count"), [(300, 0), (700, 1)])
def test_a_dwell_is_of_time_and_not_of_frames(step_ms: int, stay_ms: int, count: int) -> None:
    """Across a zone as wide as the way of `stay_ms`: 300 ms is no visit and 700 ms is one, at 3, 10 and 30 frames/s."""
    way = walking((START, 0.25, 0.5), (START + 3_000, 0.75, 0.5))
    zone = square("z", 0.5 - stay_ms / 12_000, 0, 0.5 + stay_ms / 12_000, 1)
    found = spans([define(zone), *film(every(step_ms, START, START + 3_000), way, size=(256, 256))])
    assert [reason for _, _, reason in found] == ["LEFT"] * count
    assert all(abs(left - entered - stay_ms) <= 2 for entered, left, _ in found)


def test_two_people_whose_enter_and_exit_interleave_do_not_share_a_debounce() -> None:
    one = walking((START, 0.1, 0.45), (START + 8_000, 0.9, 0.45))
    other = walking((START + 1_000, 0.9, 0.75), (START + 9_000, 0.1, 0.75))
    found = spans([define(DESK), *film(every(100, START, START + 10_000), one, other)])
    assert [(entered, left) for entered, left, _ in found] == [(1_500, 6_500), (2_500, 7_500)]


def test_the_loss_of_frames_is_seen_in_the_counts() -> None:
    records: list[Event] = [*film(every(100, START, START + 1_000), IN)]
    last = of(fold(entries([*records, records[3], records[5]]))[1], TracksObserved)[-1]
    assert (last.accepted, last.refused) == (len(of(records, FrameObserved)), {})
    after = of(fold(entries([*records, records[3], records[5], frame(99, START + 1_100)]))[1], TracksObserved)[-1]
    assert (after.accepted, after.refused) == (len(records) + 1, {"DUPLICATE": 2})
