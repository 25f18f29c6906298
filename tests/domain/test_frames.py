"""Frames of one camera through its whole fold: which are taken, and what a gap, a silence or a lost camera leaves."""

import struct

import pytest

from schemas.events import (
    CameraSilent,
    CameraStatusObserved,
    Event,
    Output,
    RecordRefused,
    TracksObserved,
    ZoneExited,
    ZoneMinuteMeasured,
)
from stream_processors.domain.camera import MalformedFrameError
from tests.domain.walks import (
    BORN,
    CAMERA,
    DESK,
    IN,
    START,
    configure,
    define,
    entries,
    every,
    film,
    fold,
    frame,
    lost,
    of,
    said,
    unseen,
)


def refusals(records: list[Event], appended_at: int | None = None) -> list[str]:
    return [each.reason for each in of(fold(entries(records, appended_at))[1], RecordRefused)]


def test_a_duplicate_a_late_and_a_reordered_frame_are_refused_by_name() -> None:
    assert refusals([frame(1, START), frame(1, START)]) == ["DUPLICATE"]
    assert refusals([frame(1, START), frame(2, START)]) == ["LATE"]
    assert refusals([frame(1, START), frame(3, START + 200), frame(2, START + 100)]) == ["LATE"]
    assert refusals([frame(1, START), frame(1, START + 100, session="t"), frame(9, START + 50)]) == ["LATE"]


def test_a_frame_a_minute_ahead_of_its_append_time_is_taken_and_one_later_is_refused() -> None:
    assert refusals([frame(1, START + 60_000)], appended_at=START) == []
    assert refusals([frame(1, START + 60_001)], appended_at=START) == ["FUTURE"]
    assert refusals([frame(1, START + 60_001)]) == []


def test_the_first_refusal_of_a_run_is_named_and_all_are_counted() -> None:
    log = [
        frame(1, START),
        *[frame(1, START)] * 3,
        frame(2, START),
        *[frame(1, START)] * 2,
        frame(3, START + 1),
        frame(3, START),
    ]
    state, outputs = fold(entries(log))
    assert [each.reason for each in of(outputs, RecordRefused)] == ["DUPLICATE", "LATE", "DUPLICATE", "DUPLICATE"]
    assert state.admission.refused == {"DUPLICATE": 6, "LATE": 1}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"boxes": b"123"}, id="bytes that are no floats"),
        pytest.param({"boxes": bytes(16), "scores": bytes(8)}, id="more scores than boxes"),
        pytest.param({"boxes": bytes(8), "scores": bytes(2)}, id="half a score"),
        pytest.param({"width": 0}, id="no width"),
        pytest.param({"height": -1}, id="negative height"),
    ],
)
def test_a_malformed_frame_raises_and_names_what_is_wrong(broken: dict[str, object]) -> None:
    state, _ = fold(entries(film(every(100, START, START + 1_000), IN)))
    with pytest.raises(MalformedFrameError, match=r"pixels|do not fit"):
        fold(entries([frame(99, START + 2_000, **broken)]), state)
    assert said([frame(99, START + 2_000)], TracksObserved)


def test_boxes_that_are_no_numbers_are_no_detections() -> None:
    nowhere = struct.pack("<4f", float("nan"), 0, 10, float("inf"))
    log = [
        define(DESK),
        *(frame(seq, START + seq * 100, boxes=nowhere, scores=struct.pack("<f", 0.9)) for seq in range(1, 9)),
    ]
    assert all(not each.tracks for each in said(log, TracksObserved))


def test_gated_frames_are_observed_time_without_people() -> None:
    log = [define(DESK), *(frame(seq, START + seq * 1_000, gated=True) for seq in range(1, 200))]
    _, outputs = fold(entries(log))
    assert all(each.gated for each in of(outputs, TracksObserved))
    assert [each.observed_ms for each in of(outputs, ZoneMinuteMeasured)] == [59_000, 60_000, 60_000]
    assert {each.person_ms for each in of(outputs, ZoneMinuteMeasured)} == {0}


def seen_for(start: int, end: int, *between: Event, then: int | None = None) -> list[Output]:
    """Somebody at the desk from start to end, then other records, then (if ever) one frame without anybody."""
    after = [] if then is None else [frame(9_999, then)]
    return fold(entries([define(DESK), *film(every(100, start, end), IN), *between, *after]))[1]


def test_frames_a_whole_gap_apart_are_one_stretch_and_a_millisecond_more_splits_it() -> None:
    for apart, count in ((2_000, 0), (2_001, 1)):
        times = [*every(100, START, START + 5_000), *every(100, START + 5_000 + apart, START + 10_000)]
        log = [configure(track_timeout_ms=60_000), define(DESK), *film(times, IN)]
        assert len(said(log, ZoneExited)) == count


def test_a_camera_silent_mid_visit_keeps_it_open_and_the_gap_ends_it_when_last_seen() -> None:
    silent = [
        CameraSilent(camera_id=CAMERA, last_seen_at=START + 5_000, noticed_at=START + at) for at in (15_000, 75_000)
    ]
    waiting = seen_for(START, START + 5_000, *silent)
    assert of(waiting, ZoneExited) == []
    assert [each.status for each in of(waiting, CameraStatusObserved)] == ["STREAMING", "SILENT"]
    back = seen_for(START, START + 5_000, *silent, then=START + 66_000)
    (visit,) = of(back, ZoneExited)
    assert (visit.exited_at, visit.exited_at_max, visit.dwell_ms) == (START + 5_000, None, 5_000)
    assert visit.exit_reason == "TRACK_ENDED"
    assert of(back, CameraStatusObserved)[-1].status == "STREAMING"


def test_silence_noticed_before_a_newer_frame_came_says_nothing() -> None:
    old = CameraSilent(camera_id=CAMERA, last_seen_at=START + 4_000, noticed_at=START + 14_000)
    assert [each.status for each in of(seen_for(START, START + 5_000, old), CameraStatusObserved)] == ["STREAMING"]


def test_a_camera_lost_mid_visit_ends_it_when_last_seen_with_an_open_bound() -> None:
    (visit,) = of(seen_for(START, START + 5_000, lost(START + 5_500)), ZoneExited)
    assert (visit.exited_at, visit.exited_at_min, visit.exited_at_max) == (START + 5_000, START + 5_000, None)
    assert visit.exit_reason == "CAMERA_LOST"


def test_an_outage_that_only_delays_frames_leaves_the_same_visits() -> None:
    silent = CameraSilent(camera_id=CAMERA, last_seen_at=START + 2_000, noticed_at=START + 60_000)
    frames = film(every(100, START, START + 9_000), IN)
    calm = said([define(DESK), *frames, frame(9_999, START + 20_000)], ZoneExited)
    rough = said([define(DESK), *frames[:21], silent, silent, *frames[21:], frame(9_999, START + 20_000)], ZoneExited)
    assert [(each.entered_at, each.exited_at) for each in rough] == [(each.entered_at, each.exited_at) for each in calm]


def test_a_lost_camera_settles_the_minutes_that_ended() -> None:
    """Nobody can tell any more what the lost track did: its minute is final with the record that says so."""
    person = unseen(IN, START + 59_500, START + 70_000)
    log = [define(DESK), *film(every(100, BORN, START + 60_500), person)]
    assert said(log, ZoneMinuteMeasured) == []
    (minute,) = said([*log, lost(START + 61_000)], ZoneMinuteMeasured)
    assert (minute.person_ms, minute.observed_ms) == (58_400, 59_000)


@pytest.mark.parametrize(("hidden_ms", "dwells"), [(1_500, [9_000]), (2_500, [2_900, 3_500])])
def test_a_person_lost_for_less_than_the_timeout_is_the_same_visit_and_for_longer_two(
    hidden_ms: int, dwells: list[int]
) -> None:
    person = unseen(IN, START + 3_000, START + 3_000 + hidden_ms)
    log = [define(DESK), *film(every(100, START, START + 9_000), person), frame(9_999, START + 20_000)]
    assert [each.dwell_ms for each in said(log, ZoneExited)] == dwells
