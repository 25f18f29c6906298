"""Zone visits against an exact oracle: random walks, many people and zones at once, and the cases that peers get wrong."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Point, Zone
from stream_processors.domain.presence import Closed, Moment, Opened
from stream_processors.domain.visits import VisitChange
from tests.domain import oracle, walks
from tests.domain.oracle import Sample
from tests.domain.walks import DESK, Sightings, of, square

IN, OUT = (0.5, 0.5), (0.875, 0.5)
ENTRY = ["entered_at", "entered_at_min", "entered_at_max", "entry_reason"]
EXIT = ["exited_at", "exited_at_min", "exited_at_max", "exit_reason"]


def visits_of(sightings: Sightings, track_no: int, zone_id: str) -> list[dict[str, object]]:
    """The closed visits of one track in one zone, worded as the oracle does."""
    mine = [
        each.change
        for each in of(sightings.changes, VisitChange)
        if (each.track_no, each.zone_id) == (track_no, zone_id)
    ]
    assert [type(change) for change in mine] == [Opened, Closed] * (len(mine) // 2)
    return [_worded(closed) for closed in of(mine, Closed)]


def _worded(closed: Closed) -> dict[str, object]:
    entry, exit_ = closed.entry.moment, closed.exit
    values = (
        entry.at,
        entry.earliest,
        entry.latest,
        closed.entry.reason,
        exit_.at,
        exit_.earliest,
        exit_.latest,
        closed.reason,
    )
    return dict(zip([*ENTRY, *EXIT], values, strict=True))


def walked(samples: Sequence[Sample], *zones: Zone, track_no: int = 7) -> Sightings:
    sightings = Sightings(*zones)
    for at, point in samples:
        sightings.see(at, {track_no: point})
    sightings.lose(track_no)
    return sightings


@settings(max_examples=80)
@given(walks.walks(), walks.zones_of("z"))
def test_visits_are_those_of_the_sampled_path_to_the_millisecond(samples: list[Sample], zone: Zone) -> None:
    assert visits_of(walked(samples, zone), 7, "z") == oracle.visits(samples, zone)


@settings(max_examples=30)
@given(st.lists(walks.walks(), min_size=2, max_size=4), walks.zones_of("a"), walks.zones_of("b"))
def test_people_and_zones_share_no_state(people: list[list[Sample]], one: Zone, other: Zone) -> None:
    sightings = Sightings(one, other)
    last_seen = {number: samples[-1][0] for number, samples in enumerate(people, start=1)}
    for at in sorted({at for samples in people for at, _ in samples}):
        sightings.lose(*(number for number, last in last_seen.items() if last < at))
        last_seen = {number: last for number, last in last_seen.items() if last >= at}
        seen = {number: dict(samples).get(at) for number, samples in enumerate(people, start=1)}
        sightings.see(at, {number: point for number, point in seen.items() if point is not None})
    sightings.lose(*last_seen)
    for number, samples in enumerate(people, start=1):
        for zone in (one, other):
            assert visits_of(sightings, number, zone.zone_id) == oracle.visits(samples, zone)


@settings(max_examples=30)
@given(walks.walks(), walks.zones_of("z"), st.data())
def test_true_moments_of_a_continuous_path_lie_within_the_stated_bounds(
    path: list[Sample], zone: Zone, data: st.DataObject
) -> None:
    """The person walks straight from corner to corner of `path`; the camera looks at moments of its own."""
    looks = data.draw(st.sets(st.integers(path[0][0], path[-1][0]), min_size=1, max_size=30))
    samples = [(at, _place(path, at)) for at in sorted(looks)]
    truth = oracle.border_moments(path, zone.polygon)
    for visit in visits_of(walked(samples, zone), 7, "z"):
        if visit["entry_reason"] == "CROSSED":
            assert _one_within(truth, visit["entered_at_min"], visit["entered_at_max"])
        if visit["exit_reason"] == "LEFT":
            assert _one_within(truth, visit["exited_at_min"], visit["exited_at_max"])


def _one_within(moments: list[Fraction], low: object, high: object) -> bool:
    assert isinstance(low, int)
    assert isinstance(high, int)
    rounding = Fraction(1, 10**6)  # of the places between the corners of the path, which are off the grid
    return any(low - rounding <= at <= high + rounding for at in moments)


def _place(path: list[Sample], at: int) -> Point:
    (t1, (x1, y1)), (t2, (x2, y2)) = next(((a, b) for a, b in pairwise(path) if a[0] <= at <= b[0]), (path[0], path[0]))
    share = (at - t1) / (t2 - t1) if t2 > t1 else 0.0
    return x1 + (x2 - x1) * share, y1 + (y2 - y1) * share


@pytest.mark.parametrize("fps", [3, 10, 30])
@pytest.mark.parametrize(("stay_ms", "count"), [(300, 0), (700, 1)])
def test_a_stay_of_300_ms_is_no_visit_and_one_of_700_ms_is_at_every_frame_rate(
    fps: int, stay_ms: int, count: int
) -> None:
    """The feet cross the border at 1,000 and 1,000 + stay_ms, whatever the camera sees of it."""
    middle, speed = 1_000 + stay_ms / 2, 0.125 / 1_000
    zone = square("z", 0.5 - speed * stay_ms / 2, 0, 0.5 + speed * stay_ms / 2, 1)
    times = [round(index * 1_000 / fps) for index in range(3 * fps)]
    found = visits_of(walked([(at, (0.5 + (at - middle) * speed, 0.5)) for at in times], zone), 7, "z")
    assert [(visit["entered_at"], visit["exited_at"]) for visit in found] == [(1_000, 1_000 + stay_ms)] * count


def test_a_visit_opens_and_closes_with_the_very_frame_that_decides_it() -> None:
    sightings, decided = Sightings(DESK), []
    for at, place in ((0, IN), (499, IN), (500, IN), (1_000, (0.75, 0.5)), (1_200, OUT), (2_999, OUT), (3_000, OUT)):
        before = len(sightings.changes)
        sightings.see(at, {7: place})
        decided += [(at, type(each.change)) for each in of(sightings.changes[before:], VisitChange)]
    assert decided == [(500, Opened), (3_000, Closed)]


def test_a_minute_of_jitter_on_the_border_is_one_visit() -> None:
    jitter = [(at, (0.75 + (0.0625 if at // 100 % 3 else -0.0625), 0.5)) for at in range(1_000, 61_000, 100)]
    found = visits_of(walked([(0, IN), *jitter, (61_000, IN), (65_000, IN)], DESK), 7, "desk")
    assert [(visit["entered_at"], visit["exited_at"]) for visit in found] == [(0, 65_000)]


def test_two_people_whose_entry_and_exit_interleave_have_a_visit_each() -> None:
    sightings = Sightings(DESK)
    for at in range(0, 10_001, 100):
        sightings.see(at, {1: IN if 1_000 <= at <= 5_000 else OUT, 2: IN if 3_000 <= at <= 7_000 else OUT})
    sightings.lose(1, 2)
    spans = [(visit["entered_at"], visit["exited_at"]) for n in (1, 2) for visit in visits_of(sightings, n, "desk")]
    assert spans == [(933, 5_067), (2_933, 7_067)]  # the border is two thirds of the way in


def test_three_zones_that_overlap_each_have_the_visit() -> None:
    zones = [square(name, left, 0.25, 0.75, 0.75) for name, left in (("a", 0.25), ("b", 0.375), ("c", 0.5))]
    sightings = walked(
        [(0, (0.0, 0.5)), (1_000, (1 / 64 * 40, 0.5)), (2_000, (0.625, 0.5)), (6_000, (1.0, 0.5))], *zones
    )
    for zone in zones:
        assert len(visits_of(sightings, 7, zone.zone_id)) == 1


def test_a_path_through_a_small_zone_between_two_frames_is_no_stay() -> None:
    small = square("z", 0.5, 0.25, 0.515625, 0.75, min_stay_ms=0)
    assert walked([(0, (0.25, 0.5)), (1_000, (0.75, 0.5))], small).changes == []


def test_a_box_far_to_the_right_stays_outside_although_it_reaches_over_the_zone() -> None:
    everything = square("z", 0, 0, 1, 1, min_stay_ms=0)
    assert walked([(0, (1.25, 0.5)), (5_000, (1.25, 0.5))], everything).changes == []


def test_a_box_cut_by_the_lower_edge_stands_on_the_edge() -> None:
    floor = square("z", 0.25, 0.5, 0.75, 1.0)
    (visit,) = visits_of(walked([(0, (0.5, 1.25)), (5_000, (0.5, 1.125))], floor), 7, "z")
    assert (visit["entered_at"], visit["exited_at"]) == (0, 5_000)


def test_frames_lost_in_the_middle_of_a_visit_neither_split_nor_shorten_it() -> None:
    samples = [(at, IN) for at in range(0, 10_000, 100) if not 3_000 <= at < 4_500]
    (visit,) = visits_of(walked(samples, DESK), 7, "desk")
    assert (visit["entered_at"], visit["exited_at"]) == (0, 9_900)


def test_a_track_lost_outside_in_its_grace_left_at_its_crossing() -> None:
    (visit,) = visits_of(walked([(0, IN), (1_000, IN), (1_300, OUT), (1_900, OUT)], DESK), 7, "desk")
    assert visit == {
        "entered_at": 0, "entered_at_min": None, "entered_at_max": 0, "entry_reason": "TRACK_STARTED",
        "exited_at": 1_200, "exited_at_min": 1_000, "exited_at_max": 1_300, "exit_reason": "LEFT",
    }  # fmt: skip


def test_a_track_lost_inside_and_born_again_makes_two_visits() -> None:
    sightings = walked([(0, IN), (5_000, IN)], DESK)
    for at in (8_000, 9_000):
        sightings.see(at, {8: IN})
    sightings.lose(8)
    assert [visit["exit_reason"] for visit in visits_of(sightings, 7, "desk")] == ["TRACK_ENDED"]
    assert [visit["entered_at"] for visit in visits_of(sightings, 8, "desk")] == [8_000]


def test_the_centre_decides_where_furniture_hides_the_feet() -> None:
    seat = square("seat", 0.25, 0.25, 0.75, 0.45, anchor="CENTRE", min_stay_ms=0)
    (opened,) = of([each.change for each in of(walked([(0, IN)], seat).changes, VisitChange)], Opened)
    assert opened.entry.moment == Moment(0, None, 0)
    assert walked([(0, IN)], square("floor", 0.25, 0.25, 0.75, 0.45, min_stay_ms=0)).changes == []
