"""One camera's whole fold: what holds for every log."""

from fractions import Fraction
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.events import (
    ConfigureCamera,
    DefineZones,
    FrameObserved,
    LineCrossed,
    LogRecord,
    Output,
    Position,
    RecordRefused,
    TrackEnded,
    TracksObserved,
    Zone,
    ZoneEntered,
    ZoneExited,
    ZonesDefined,
)
from schemas.wire import to_avro
from stream_processors.domain.camera import CameraState, MalformedFrameError, step
from tests.domain import oracle, walks
from tests.domain.oracle import Sample
from tests.domain.walks import CAMERA, START, define, entries, film, fold, frame, lost, of, walking

VISIT = [
    name for name in ZoneExited.__struct_fields__ if name.startswith(("entered", "exited")) or name.endswith("reason")
]


def paths(outputs: list[Output], anchor: str) -> dict[int, list[Sample]]:
    """What TracksObserved says about where each track's anchor was when it was matched, in order of time."""
    found: dict[int, list[Sample]] = {}
    for each in of(outputs, TracksObserved):
        early = [(seen.observed_at, seen) for seen in each.backlog]
        for at, seen in [*early, *((each.observed_at, seen) for seen in each.tracks)]:
            x, y = (seen.x1 + seen.x2) / 2, seen.y2 if anchor == "FOOT" else (seen.y1 + seen.y2) / 2
            found.setdefault(seen.track_no, []).append((at, (x / each.width, min(max(y / each.height, 0.0), 1.0))))
    return found


@settings(max_examples=20)
@given(walks.logs(edits=False))
def test_visits_and_crossings_are_those_of_the_published_tracks(records: list[LogRecord]) -> None:
    _, outputs = fold(entries(records))
    (defined,) = of(outputs, ZonesDefined)
    reasons = {each.track_no: each.reason for each in of(outputs, TrackEnded)}
    feet, centres = paths(outputs, "FOOT"), paths(outputs, "CENTRE")
    for number in feet:
        reason = {"CAMERA_LOST": "CAMERA_LOST", "DISABLED": "DISABLED"}.get(reasons[number], "TRACK_ENDED")
        for zone in defined.zones:
            samples = (feet if zone.anchor == "FOOT" else centres)[number]
            mine = [each for each in of(outputs, ZoneExited) if (each.track_no, each.zone_id) == (number, zone.zone_id)]
            found = [{name: getattr(each, name) for name in VISIT} for each in mine]
            assert found == oracle.visits(samples, zone, reason)
        crossed = [(each.crossed_at, each.direction) for each in of(outputs, LineCrossed) if each.track_no == number]
        assert crossed == oracle.crossings(feet[number], defined.lines[0])


@settings(max_examples=15)
@given(walks.strolls(), walks.zones_of("z"), st.data())
def test_true_moments_of_a_walk_lie_within_the_bounds_that_are_published(
    way: list[Sample], zone: Zone, data: st.DataObject
) -> None:
    """From boxes in single precision to facts, whenever the camera looked."""
    times = data.draw(walks.looks(way[-1][0]))
    person = walking(*((at, x, y) for at, (x, y) in way))
    outputs = fold(entries([define(zone), *film(times, person, size=(256, 256)), lost(times[-1])]))[1]
    truth = oracle.border_moments(way, zone.polygon)
    assert len(of(outputs, TrackEnded)) == (len(times) > 1)
    for visit in of(outputs, ZoneExited):
        if visit.entry_reason == "CROSSED":
            assert some_within(truth, visit.entered_at_min, visit.entered_at_max)
        if visit.exit_reason == "LEFT":
            assert some_within(truth, visit.exited_at_min, visit.exited_at_max)


def some_within(moments: list[Fraction], low: int | None, high: int | None) -> bool:
    """Whether one of the moments lies between the bounds, but for what single precision can shift it."""
    assert low is not None
    assert high is not None
    return any(low - 1 <= at <= high + 1 for at in moments)


def test_random_logs_show_all_that_can_happen_to_people() -> None:
    """The other properties would hold of logs in which nothing happens."""
    seen = set[object]()

    @settings(max_examples=40, derandomize=True)
    @given(walks.logs())
    def look(records: list[LogRecord]) -> None:
        outputs = fold(entries(records))[1]
        seen.update(reason for each in of(outputs, ZoneExited) for reason in (each.entry_reason, each.exit_reason))
        seen.update(each.reason for each in of(outputs, TrackEnded))
        seen.update(each.direction for each in of(outputs, LineCrossed))
        seen.update(("gated", each.gated) for each in of(outputs, TracksObserved))

    look()
    assert seen == {
        "CROSSED", "TRACK_STARTED", "LEFT", "TRACK_ENDED", "CAMERA_LOST", "ZONE_CHANGED", "DISABLED", "TIMEOUT", "GAP",
        "ENTRY", "EXIT", ("gated", True), ("gated", False),
    }  # fmt: skip


@settings(max_examples=20)
@given(walks.logs())
def test_every_frame_is_folded_or_refused_and_counted(records: list[LogRecord]) -> None:
    state, outputs = fold(entries(records))
    admission = state.admission
    assert admission.accepted + sum(admission.refused.values()) == len(of(records, FrameObserved))
    assert admission.accepted == len(of(outputs, TracksObserved)) == of(outputs, TracksObserved)[-1].accepted


@settings(max_examples=20)
@given(walks.logs())
def test_every_visit_that_opens_closes_once_within_its_own_bounds(records: list[LogRecord]) -> None:
    _, outputs = fold(entries(records))
    opened = [(each.track_no, each.zone_id, each.entered_at, each.entry_reason) for each in of(outputs, ZoneEntered)]
    closed = [(each.track_no, each.zone_id, each.entered_at, each.entry_reason) for each in of(outputs, ZoneExited)]
    assert sorted(opened) == sorted(closed)
    for visit in of(outputs, ZoneExited):
        assert visit.dwell_ms == visit.exited_at - visit.entered_at >= 0
        assert (visit.entered_at_min or visit.entered_at) <= visit.entered_at <= visit.entered_at_max
        assert visit.exited_at_min <= visit.exited_at <= (visit.exited_at_max or visit.exited_at)


@settings(max_examples=20)
@given(walks.logs())
def test_visits_of_one_track_in_one_zone_never_overlap(records: list[LogRecord]) -> None:
    _, outputs = fold(entries(records))
    visits = sorted((each.track_no, each.zone_id, each.entered_at, each.exited_at) for each in of(outputs, ZoneExited))
    for _, mine in groupby(visits, key=lambda visit: visit[:2]):
        edges = [edge for visit in mine for edge in visit[2:]]
        assert edges == sorted(edges)


@settings(max_examples=20)
@given(walks.logs())
def test_what_is_published_is_numbered_by_cause_and_fits_the_schemas(records: list[LogRecord]) -> None:
    _, outputs = fold(entries(records))
    for _, effects in groupby(outputs, key=lambda each: each.position.offset):
        assert all(each.position.index == index for index, each in enumerate(effects))
    assert all(to_avro(each) for each in outputs)


@settings(max_examples=20)
@given(walks.logs(), st.data())
def test_redelivered_and_shuffled_old_frames_change_nothing_but_the_count_of_refusals(
    records: list[LogRecord], data: st.DataObject
) -> None:
    disturbed: list[LogRecord] = []
    seen: list[FrameObserved] = []
    for record in records:
        disturbed.append(record)
        if isinstance(record, FrameObserved) and record.seq < walks.REFUSED_WHILE_DISABLED:
            seen.append(record)
        disturbed += data.draw(st.lists(st.sampled_from(seen), max_size=2)) if seen else []
    assert said_about_people(records) == said_about_people(disturbed)


@settings(max_examples=20)
@given(walks.logs(), st.data())
def test_frames_and_commands_delivered_again_from_any_offset_change_nothing_but_the_count_of_refusals(
    records: list[LogRecord], data: st.DataObject
) -> None:
    stop = data.draw(st.integers(1, len(records)))
    start = data.draw(st.integers(0, stop))
    again = [
        each
        for each in records[start:stop]
        if isinstance(each, DefineZones | ConfigureCamera)
        or (isinstance(each, FrameObserved) and each.seq < walks.REFUSED_WHILE_DISABLED)
    ]
    assert said_about_people([*records[:stop], *again, *records[stop:]]) == said_about_people(records)


def said_about_people(records: list[LogRecord]) -> list[bytes]:
    """All outputs but those that name refusals, without their positions, as the bytes that are published."""
    nowhere = {"position": Position(epoch=0, partition=0, offset=0, index=0)}
    return [
        to_avro(replace(each, **nowhere, **({"refused": {}} if isinstance(each, TracksObserved) else {})))
        for each in fold(entries(records))[1]
        if not isinstance(each, RecordRefused)
    ]


@settings(max_examples=20)
@given(walks.logs(edits=False), st.data())
def test_an_edit_that_changes_nothing_changes_no_visit_and_no_crossing(
    records: list[LogRecord], data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(records)))
    (first,) = of(records[:1], DefineZones)
    edited = [*records[:at], define(*first.zones, *first.lines), *records[at:]]

    def visits(log: list[LogRecord]) -> list[list[object]]:
        outputs = fold(entries(log))[1]
        closed = [
            [each.track_no, each.zone_id, *(getattr(each, name) for name in VISIT)] for each in of(outputs, ZoneExited)
        ]
        return [*closed, *([each.track_no, each.crossed_at, each.direction] for each in of(outputs, LineCrossed))]

    assert visits(edited) == visits(records)


@settings(max_examples=15)
@given(walks.logs())
def test_a_record_that_raises_leaves_the_state_usable(records: list[LogRecord]) -> None:
    state, outputs = CameraState(CAMERA), list[Output]()
    broken = frame(1_000_000, START + 10 * 365 * 86_400_000, [], session="t", boxes=b"123")
    for entry in entries(records):
        bad = entries([broken])[0]
        if state.settings.enabled:
            with pytest.raises(MalformedFrameError):
                step(state, bad)
        state, effects = step(state, entry)
        outputs += effects
    assert outputs == fold(entries(records))[1]
