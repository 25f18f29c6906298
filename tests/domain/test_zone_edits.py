"""Zones edited in the middle of a visit: who goes on, who leaves, and since when."""

from schemas.events import Event, Output, ZoneExited, ZoneMinuteMeasured
from tests.domain import walks
from tests.domain.walks import (
    DESK,
    IN,
    START,
    define,
    entries,
    every,
    film,
    fold,
    frame,
    of,
    said,
    square,
    unseen,
    walking,
)


def edited(*shapes: object, person: walks.Place = IN) -> list[Output]:
    """Somebody at the desk for 10 s, the zones edited after 5 s."""
    frames = film(every(100, START, START + 10_000), person)
    edit = define(*shapes)  # type: ignore[arg-type]
    return fold(entries([define(DESK), *frames[:51], edit, *frames[51:], frame(9_999, START + 20_000)]))[1]


def test_an_edit_under_a_person_closes_the_visit_and_around_a_person_opens_one() -> None:
    moved = square("desk", 0.8, 0.8, 1, 1)
    (closed, opened) = of(edited(moved, square("new", 0.25, 0.25, 0.75, 0.75)), ZoneExited)
    assert (closed.zone_id, closed.exited_at, closed.exit_reason) == ("desk", START + 5_000, "ZONE_CHANGED")
    assert (closed.exited_at_min, closed.exited_at_max, closed.zones_revision) == (START + 5_000, START + 5_000, 1)
    assert (opened.zone_id, opened.entered_at, opened.entry_reason) == ("new", START + 5_000, "ZONE_CHANGED")
    assert opened.zones_revision == 2


def test_an_edit_that_leaves_the_person_inside_carries_the_visit_on_under_the_new_revision() -> None:
    (visit,) = of(edited(square("desk", 0.4, 0.4, 0.6, 0.6, kind="REST")), ZoneExited)
    assert (visit.entered_at, visit.exited_at, visit.zones_revision) == (START, START + 10_000, 2)


def test_a_deleted_zone_closes_its_visits() -> None:
    (visit,) = of(edited(), ZoneExited)
    assert (visit.exited_at, visit.exit_reason) == (START + 5_000, "ZONE_CHANGED")


def test_an_edit_elsewhere_does_not_cut_short_an_absence_in_its_grace() -> None:
    stepping = walking(
        (START, 0.5, 0.5), (START + 4_000, 0.5, 0.5), (START + 4_800, 0.8125, 0.5), (START + 5_200, 0.8125, 0.5),
        (START + 6_000, 0.5, 0.5), (START + 10_000, 0.5, 0.5),
    )  # fmt: skip
    (visit,) = of(edited(DESK, square("other", 0, 0, 0.1, 0.1), person=stepping), ZoneExited)
    assert (visit.entered_at, visit.exited_at) == (START, START + 10_000)


def first_detected_before(*edits: Event) -> ZoneExited:
    """Somebody is detected at START, not at START + 100, then edits come, then the second detection makes a track of it."""
    frames = film(every(100, START, START + 5_000), unseen(IN, START + 100, START + 200))
    (visit,) = said([*edits[:-1], *frames[:2], edits[-1], *frames[2:], frame(9_999, START + 20_000)], ZoneExited)
    return visit


def test_somebody_first_detected_before_a_zone_was_drawn_is_in_it_from_then_on() -> None:
    visit = first_detected_before(define(DESK))
    assert (visit.entered_at, visit.entry_reason) == (START + 100, "ZONE_CHANGED")


def test_somebody_first_detected_before_an_edit_that_left_the_zone_alone_is_in_it_since_then() -> None:
    visit = first_detected_before(define(DESK), define(DESK, square("other", 0, 0, 0.1, 0.1)))
    assert (visit.entered_at, visit.entry_reason) == (START, "TRACK_STARTED")


def test_somebody_hidden_while_a_zone_was_drawn_enters_it_no_earlier_than_that() -> None:
    """The straight way between the two sightings meets the border before there was a zone."""
    way = walking(
        (START, 0.125, 0.5), (START + 3_000, 0.25, 0.5), (START + 4_000, 0.375, 0.5), (START + 9_000, 0.375, 0.5)
    )
    frames = film(every(100, START, START + 9_000), unseen(way, START + 3_000, START + 4_000), size=(256, 256))
    log = [*frames[:36], define(DESK), *frames[36:], frame(9_999, START + 3 * 60_000)]
    (visit,) = said(log, ZoneExited)
    assert (visit.entered_at, visit.entered_at_min, visit.entered_at_max) == (
        START + 3_500,
        START + 2_900,
        START + 4_000,
    )
    assert visit.entry_reason == "CROSSED"
    assert sum(each.person_ms for each in said(log, ZoneMinuteMeasured)) == visit.dwell_ms
