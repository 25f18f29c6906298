"""Zone minutes against an oracle that paints every millisecond, and the minutes that need care."""

from datetime import date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event, LogRecord, Output, TracksObserved, ZoneExited, ZoneMinuteMeasured, ZonesDefined
from tests.domain import oracle, walks
from tests.domain.walks import (
    DESK,
    IN,
    MINUTE,
    START,
    configure,
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
    walking,
)


def as_dicts(measured: list[ZoneMinuteMeasured]) -> dict[tuple[int, str, int], dict[str, int]]:
    names = ["person_ms", "exclusive_person_ms", "occupied_ms", "observed_ms", "peak", "frames"]
    names += ["entries", "starts", "exits", "ends", "visits_closed", "dwell_ms_sum"]
    found = {
        (each.minute, each.zone_id, each.zones_revision): {name: getattr(each, name) for name in names}
        for each in measured
    }
    assert len(found) == len(measured), "each zone, minute and revision is measured once"
    return found


def last_minute(outputs: list[Output]) -> int:
    return of(outputs, TracksObserved)[-1].observed_at // MINUTE * MINUTE


@settings(max_examples=30)
@given(walks.logs())
def test_minutes_are_what_painting_the_visits_gives(records: list[LogRecord]) -> None:
    outputs = fold(entries(records))[1]
    painted = oracle.minutes(of(outputs, ZoneExited), of(outputs, TracksObserved), of(outputs, ZonesDefined))
    final = {key: numbers for key, numbers in painted.items() if key[0] < last_minute(outputs)}
    assert as_dicts(of(outputs, ZoneMinuteMeasured)) == final


@settings(max_examples=30)
@given(walks.logs(), st.integers(0, 30), st.integers(1, 30))
def test_minutes_of_any_range_sum_to_visits_within_it_and_within_observed_time(
    records: list[LogRecord], first: int, count: int
) -> None:
    outputs = fold(entries(records))[1]
    start, end = START + first * MINUTE, min(START + (first + count) * MINUTE, last_minute(outputs))
    frames = [each.observed_at for each in of(outputs, TracksObserved)]
    watched = [(max(a, start), min(b, end)) for a, b in pairwise(frames) if b - a <= 2_000]
    overlap = sum(
        max(0, min(visit.exited_at, b) - max(visit.entered_at, a))
        for visit in of(outputs, ZoneExited)
        for a, b in watched
    )
    measured = [each for each in of(outputs, ZoneMinuteMeasured) if start <= each.minute < end]
    assert sum(each.person_ms for each in measured) == overlap


@settings(max_examples=30)
@given(walks.logs())
def test_a_minute_never_claims_more_than_it_saw(records: list[LogRecord]) -> None:
    for each in said(records, ZoneMinuteMeasured):
        assert 0 <= each.exclusive_person_ms <= each.person_ms
        assert each.occupied_ms <= each.person_ms <= each.peak * each.occupied_ms
        assert each.occupied_ms <= each.observed_ms <= MINUTE
        bands = (each.dwell_under_5s, each.dwell_5s_15s, each.dwell_15s_60s, each.dwell_60s_300s, each.dwell_from_300s)
        assert sum(bands) == each.visits_closed == each.exits + each.ends
        assert each.dwell_ms_max <= each.dwell_ms_sum


@settings(max_examples=25)
@given(walks.logs())
def test_a_minute_comes_after_its_end_and_in_order_and_no_visit_enters_it_later(records: list[LogRecord]) -> None:
    watermark, done = 0, dict[str, int]()
    for each in fold(entries(records))[1]:
        if isinstance(each, TracksObserved):
            watermark = each.observed_at
        if isinstance(each, ZoneMinuteMeasured):
            assert each.minute + MINUTE <= watermark
            assert done.get(each.zone_id, 0) <= each.minute + MINUTE
            done[each.zone_id] = each.minute + MINUTE
        if isinstance(each, ZoneExited):
            assert each.exited_at >= done.get(each.zone_id, 0)


def minutes_of(log: list[Event]) -> list[ZoneMinuteMeasured]:
    return said([*log, frame(999_999, START + 600 * MINUTE)], ZoneMinuteMeasured)


def test_a_minute_nobody_watched_has_no_record_and_costs_nothing() -> None:
    """Three days without a frame are 4,320 minutes: the next frame measures the one minute before and no other."""
    three_days = 3 * 24 * 60 * MINUTE
    log = [define(DESK), *film(every(100, START, START + 5_000), IN), frame(999, START + three_days)]
    state, outputs = fold(entries(log))
    (minute,) = of(outputs, ZoneMinuteMeasured)
    assert (minute.minute, minute.observed_ms, minute.person_ms) == (START, 5_000, 5_000)
    assert state.zones.minutes.done_until == START + three_days
    assert len(state.zones.minutes.frames) == len(state.zones.minutes.observed) == 1


def test_a_visit_over_midnight_belongs_to_both_sides_by_its_time_and_to_one_by_its_entry() -> None:
    midnight = START - START % (1_440 * MINUTE) + 1_440 * MINUTE
    log = [
        define(DESK),
        *film(every(500, midnight - 30_500, midnight + 20_000), IN),
        frame(9_999, midnight + 10 * MINUTE),
    ]
    before, after = said(log, ZoneMinuteMeasured)
    assert (before.minute, before.person_ms, before.starts, before.ends) == (midnight - MINUTE, 30_500, 1, 0)
    assert (after.minute, after.person_ms, after.starts, after.ends) == (midnight, 20_000, 0, 1)
    assert (after.dwell_ms_sum, after.dwell_15s_60s) == (50_500, 1)


def test_a_visit_of_400_minutes_is_counted_in_each_without_holding_one_back() -> None:
    patient = configure(max_gap_ms=20_000, track_timeout_ms=60_000)
    log = [patient, define(DESK), *film(every(20_000, START, START + 400 * MINUTE), IN)]
    state, outputs = fold(entries(log))
    measured = of(outputs, ZoneMinuteMeasured)
    assert [each.person_ms for each in measured] == [MINUTE] * 400
    assert of(outputs, ZoneExited) == []
    assert len(state.zones.minutes.frames) == len(state.zones.minutes.observed) == 1
    assert state.zones.minutes.closed == ()


@pytest.mark.parametrize(("night", "hours"), [(date(2026, 3, 29), 1), (date(2026, 10, 25), 3)])
def test_a_visit_over_a_change_of_clocks_is_as_long_as_it_was(night: date, hours: int) -> None:
    """From half past one to half past three as the clock on the wall has it; the minutes know of no clock."""
    shown = [datetime.combine(night, time(hour, 30), ZoneInfo("Europe/Madrid")) for hour in (1, 3)]
    entered, left = (round(each.timestamp()) * 1_000 for each in shown)
    patient = configure(max_gap_ms=20_000, track_timeout_ms=60_000)
    log = [patient, define(DESK), *film(every(20_000, entered, left), IN), frame(9_999, left + 10 * MINUTE)]
    (visit,) = said(log, ZoneExited)
    assert visit.dwell_ms == hours * 60 * MINUTE
    assert [(each.minute, each.person_ms) for each in said(log, ZoneMinuteMeasured)] == [
        (minute, MINUTE if minute < left else 0) for minute in range(entered, left + 1, MINUTE)
    ]


def test_a_minute_waits_for_a_lost_track_and_for_nothing_else() -> None:
    person = unseen(IN, START + 59_000, START + 60_500)
    log = [define(DESK), *film(every(100, START, START + 62_000), person)]
    published = [each.position.offset for each in said(log, ZoneMinuteMeasured)]
    assert published == [1 + 60_500 // 100], "the frame that found the person again"
    assert [each.person_ms for each in said(log, ZoneMinuteMeasured)] == [MINUTE]


def test_a_minute_waits_for_an_absence_that_may_yet_end_a_visit() -> None:
    """The feet leave at 59,500 ms; only two seconds later is it certain that they left."""
    leaving = walking(
        (START, 0.5, 0.5), (START + 57_500, 0.5, 0.5), (START + 59_500, 0.75, 0.5), (START + 60_500, 0.875, 0.5)
    )
    gone = [frame(seq, START + 60_500 + seq, [walks.box_at((0.875, 0.5))]) for seq in range(1_000, 6_000, 500)]
    log = [define(DESK), *film(every(100, START, START + 60_500), leaving), *gone]
    (minute,) = said(log, ZoneMinuteMeasured)
    assert (minute.person_ms, minute.exits, minute.dwell_ms_sum) == (59_500, 1, 59_500)


def test_a_minute_waits_for_a_track_that_is_not_confirmed_yet() -> None:
    person = unseen(walking((START + 59_900, 0.5, 0.5), (START + 70_000, 0.5, 0.5)), START + 60_000, START + 60_200)
    log = [define(DESK), *film(every(100, START + 58_000, START + 70_000), person)]
    (minute,) = said(log, ZoneMinuteMeasured)
    assert minute.position.offset == 1 + (60_400 - 58_000) // 100, "the frame that makes the stay a visit"
    assert (minute.person_ms, minute.starts) == (100, 1)


def test_each_person_counts_once_by_precedence_where_zones_overlap() -> None:
    rest = square("a", 0, 0, 1, 1, kind="REST")
    log = [define(rest, DESK, square("b", 0.4, 0.4, 0.6, 0.6)), *film(every(100, START, START + 10_000), IN)]
    assert {each.zone_id: each.exclusive_person_ms for each in minutes_of(log)} == {"a": 0, "b": 10_000, "desk": 0}
    assert {each.zone_id: each.person_ms for each in minutes_of(log)} == {"a": 10_000, "b": 10_000, "desk": 10_000}


def test_an_edit_in_mid_minute_gives_each_revision_its_own_time() -> None:
    frames = film(every(100, START, START + 10_000), IN)
    log = [
        define(DESK),
        *frames[:41],
        define(square("desk", 0.4, 0.4, 0.6, 0.6, kind="REST", capacity=2)),
        *frames[41:],
    ]
    first, second = minutes_of(log)
    assert (first.zones_revision, first.kind, first.observed_ms, first.person_ms, first.frames) == (
        1,
        "WORK",
        4_000,
        4_000,
        41,
    )
    assert (second.zones_revision, second.kind, second.observed_ms, second.person_ms, second.frames) == (
        2,
        "REST",
        6_000,
        6_000,
        60,
    )
    assert (first.capacity, second.capacity) == (None, 2)
    assert (first.starts, first.ends, second.starts, second.ends) == (1, 0, 0, 1)


def test_an_edit_exactly_between_two_minutes_loses_no_frame_of_the_old_revision() -> None:
    """A pending stay holds the minute back over the edit; the frame at the border was seen under the old zones."""
    person = unseen(IN, START + 59_900, START + 60_400)
    frames = film(every(100, START, START + 65_000), person)
    log = [define(DESK), *frames[:601], define(DESK), *frames[601:]]
    assert sum(each.frames for each in minutes_of(log)) == len(frames)


def test_entries_and_exits_are_crossings_and_starts_and_ends_are_not() -> None:
    through = walking((START, 0.0, 0.5), (START + 10_000, 1.0, 0.5))
    (minute,) = minutes_of([define(DESK), *film(every(100, START, START + 20_000), through)])
    assert (minute.entries, minute.exits, minute.starts, minute.ends) == (1, 1, 0, 0)
    assert minute.person_ms == minute.dwell_ms_sum == 5_000


def test_peak_is_the_most_people_at_once() -> None:
    people = [
        standing(0.3, 0.5),
        unseen(standing(0.45, 0.5), START, START + 5_000),
        unseen(standing(0.6, 0.5), START + 4_000, START + 99_000),
    ]
    (minute,) = minutes_of([define(DESK), *film(every(100, START, START + 10_000), *people)])
    assert minute.peak == 2
