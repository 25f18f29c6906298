"""When a stay becomes a visit and an absence ends it, one person and one zone: tiny named cases in milliseconds."""

import pytest

from schemas.events import ExitReason
from stream_processors.domain import presence
from stream_processors.domain.presence import Closed, Entry, Moment, Opened, Presence
from tests.domain.walks import DESK, square

ZONE = DESK  # a stay counts from 500 ms, an absence from 2,000
ENTERED = Moment(1_000, 950, 1_050)


def at(ms: int) -> Moment:
    return Moment(ms, ms - 50, ms + 50)


def inside() -> Presence:
    return presence.begin(ENTERED, "CROSSED")


def visiting() -> Presence:
    settled, _ = presence.settle(inside(), ZONE, 1_500)
    assert settled is not None
    return settled


def stepped_out(ms: int) -> Presence:
    out, changes = presence.cross(visiting(), ZONE, at(ms))
    assert out is not None
    assert changes == []
    return out


def test_a_stay_of_a_millisecond_less_is_no_visit_yet() -> None:
    assert presence.settle(inside(), ZONE, 1_499) == (inside(), [])


def test_a_stay_of_exactly_the_minimum_is_a_visit_since_the_crossing() -> None:
    settled, changes = presence.settle(inside(), ZONE, 1_500)
    assert changes == [Opened(Entry(ENTERED, "CROSSED"))]
    assert settled == visiting()


def test_a_short_stay_is_forgotten_when_it_ends() -> None:
    assert presence.cross(inside(), ZONE, at(1_499)) == (None, [])


def test_a_stay_that_was_long_enough_between_two_frames_opens_before_it_ends() -> None:
    out, changes = presence.cross(inside(), ZONE, at(1_500))
    assert [type(change) for change in changes] == [Opened]
    assert out is not None
    assert not out.inside


def test_an_absence_of_a_millisecond_less_than_the_grace_counts_as_dwell() -> None:
    back, changes = presence.cross(stepped_out(5_000), ZONE, at(6_999))
    assert changes == []
    assert back is not None
    assert back.visit == Entry(ENTERED, "CROSSED")


def test_an_absence_of_exactly_the_grace_ends_the_visit_where_it_began() -> None:
    closed = [Closed(Entry(ENTERED, "CROSSED"), at(5_000), "LEFT")]
    assert presence.settle(stepped_out(5_000), ZONE, 7_000) == (None, closed)
    again, changes = presence.cross(stepped_out(5_000), ZONE, at(7_000))
    assert changes == closed
    assert again == presence.begin(at(7_000), "CROSSED")


@pytest.mark.parametrize("reason", ["TRACK_ENDED", "CAMERA_LOST", "DISABLED"])
def test_a_track_that_ends_inside_ends_the_visit_when_last_seen(reason: ExitReason) -> None:
    entry = Entry(ENTERED, "CROSSED")
    assert presence.end(visiting(), ZONE, 9_000, reason) == [Closed(entry, Moment(9_000, 9_000, None), reason)]


def test_a_track_that_ends_outside_in_its_grace_left_at_its_crossing() -> None:
    assert presence.end(stepped_out(5_000), ZONE, 5_300, "TRACK_ENDED") == [
        Closed(Entry(ENTERED, "CROSSED"), at(5_000), "LEFT")
    ]


def test_a_track_that_ends_in_a_short_stay_leaves_no_visit() -> None:
    assert presence.end(inside(), ZONE, 1_499, "TRACK_ENDED") == []


def test_a_zone_redrawn_around_somebody_begins_a_stay_at_the_edit() -> None:
    begun, changes = presence.redraw(None, ZONE, inside=True, seen_at=3_000, now=3_000)
    assert changes == []
    assert begun == presence.begin(Moment(3_000, 3_000, 3_000), "ZONE_CHANGED")


def test_a_zone_redrawn_away_ends_the_visit_when_last_seen() -> None:
    gone, changes = presence.redraw(visiting(), ZONE, inside=False, seen_at=3_000, now=3_400)
    assert gone is None
    assert changes == [Closed(Entry(ENTERED, "CROSSED"), Moment(3_000, 3_000, 3_400), "ZONE_CHANGED")]


def test_a_zone_redrawn_away_from_somebody_who_had_stepped_out_was_left_at_the_crossing() -> None:
    gone, changes = presence.redraw(stepped_out(5_000), ZONE, inside=False, seen_at=5_500, now=5_500)
    assert gone is None
    assert changes == [Closed(Entry(ENTERED, "CROSSED"), at(5_000), "LEFT")]


def test_a_zone_redrawn_around_somebody_who_had_stepped_out_carries_the_visit_on() -> None:
    back, changes = presence.redraw(stepped_out(5_000), ZONE, inside=True, seen_at=5_500, now=5_500)
    assert changes == []
    assert back is not None
    assert presence.end(back, ZONE, 9_000, "TRACK_ENDED") == [
        Closed(Entry(ENTERED, "CROSSED"), Moment(9_000, 9_000, None), "TRACK_ENDED")
    ]


def test_the_first_detection_before_the_zone_was_drawn_begins_a_stay_when_it_was_drawn() -> None:
    assert presence.first_seen(900, 1_000) == presence.begin(Moment(1_000, 1_000, 1_000), "ZONE_CHANGED")
    assert presence.first_seen(1_000, 1_000) == presence.begin(Moment(1_000, None, 1_000), "TRACK_STARTED")


def test_with_no_minimum_a_visit_opens_at_once_and_closes_at_once() -> None:
    zone = square("touch", 0, 0, 1, 1, min_stay_ms=0, grace_ms=0)
    opened, changes = presence.settle(inside(), zone, 1_000)
    assert [type(change) for change in changes] == [Opened]
    out, _ = presence.cross(opened, zone, at(1_010))
    assert out is not None
    assert presence.settle(out, zone, 1_010)[1] == [Closed(Entry(ENTERED, "CROSSED"), at(1_010), "LEFT")]
