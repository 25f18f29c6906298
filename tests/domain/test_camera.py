"""One camera's whole fold: properties over random logs, then the records one by one."""

import struct
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.events import (
    CameraConfigured,
    CameraSilent,
    CameraStatusChanged,
    CameraStatusObserved,
    CommandRefused,
    ConfigureCamera,
    Event,
    FrameObserved,
    LineCrossed,
    LogRecord,
    Output,
    Position,
    RecordRefused,
    TrackEnded,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
    ZonesDefined,
)
from schemas.wire import to_avro
from stream_processors.domain.camera import CameraState, LogEntry, MalformedFrameError, step
from stream_processors.domain.commands import REMEMBERED_COMMANDS
from tests.domain import oracle, walks
from tests.domain.oracle import Sample
from tests.domain.walks import (
    BORN,
    CAMERA,
    DESK,
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
    vertical,
    walking,
)

IN = standing(0.5, 0.5)
VISIT = [
    name for name in ZoneExited.__struct_fields__ if name.startswith(("entered", "exited")) or name.endswith("reason")
]


def lost(at: int) -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=CAMERA, changed_at=at, status="BACKOFF")


def paths(outputs: list[Output], anchor: str) -> dict[int, list[Sample]]:
    """What TracksObserved says about where each track's anchor was when it was matched, in order of time."""
    found: dict[int, list[Sample]] = {}
    for each in of(outputs, TracksObserved):
        early = [(seen.observed_at, seen) for seen in each.backlog]
        for at, seen in [*early, *((each.observed_at, seen) for seen in each.tracks)]:
            x, y = (seen.x1 + seen.x2) / 2, seen.y2 if anchor == "FOOT" else (seen.y1 + seen.y2) / 2
            found.setdefault(seen.track_no, []).append((at, (x / each.width, min(max(y / each.height, 0.0), 1.0))))
    return found


# --- properties over random logs --------------------------------------------------------------------------------------


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
        if isinstance(record, FrameObserved) and record.seq < 10_000:  # not those a disabled camera refused
            seen.append(record)
        disturbed += data.draw(st.lists(st.sampled_from(seen), max_size=2)) if seen else []
    assert said_about_people(records) == said_about_people(disturbed)


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
    first = records[0]
    edited = [*records[:at], define(*first.zones, *first.lines), *records[at:]]  # type: ignore[union-attr]

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


# --- frames -----------------------------------------------------------------------------------------------------------


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


# --- gaps, silence, loss ----------------------------------------------------------------------------------------------


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


def test_a_camera_that_never_comes_back_leaves_the_visit_open() -> None:
    assert of(seen_for(START, START + 5_000), ZoneExited) == []
    assert len(of(seen_for(START, START + 5_000), ZoneEntered)) == 1


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


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_definition_is_published_in_full_with_its_place_in_time() -> None:
    log = [frame(1, START), define(DESK, vertical("door", 0.5), command_id="k", expected_revision=0, issued_by="u1")]
    (defined,) = said(log, ZonesDefined)
    assert (defined.revision, defined.effective_at, defined.issued_by) == (1, START, "u1")
    assert (defined.zones, defined.lines) == ((DESK,), (vertical("door", 0.5),))
    assert defined.position.offset == 1


def test_a_command_sent_twice_changes_nothing_the_second_time() -> None:
    command = define(DESK, command_id="same")
    assert len(fold(entries([command] * 3))[1]) == 1
    assert len(said([configure(command_id="same"), command], ZonesDefined)) == 0


def test_only_the_last_commands_are_remembered() -> None:
    first = define(DESK, command_id="first")
    others = [configure(command_id=f"c{index}") for index in range(REMEMBERED_COMMANDS)]
    assert len(said([first, *others[:-1], first], ZonesDefined)) == 1
    assert len(said([first, *others, first], ZonesDefined)) == 2


def test_a_command_that_edited_an_older_revision_is_refused_and_says_which_is_in_force() -> None:
    (refused,) = said([define(DESK), define(expected_revision=0)], CommandRefused)
    assert (refused.reason, refused.revision, refused.command) == ("REVISION_CONFLICT", 1, "DefineZones")
    (refused,) = said([configure(), configure(expected_revision=2)], CommandRefused)
    assert (refused.reason, refused.revision, refused.command) == ("REVISION_CONFLICT", 1, "ConfigureCamera")


def test_a_refused_definition_leaves_the_zones_as_they_were() -> None:
    bad = define(square("z", 0, 0, 2, 1))
    state, outputs = fold(entries([define(DESK), bad]))
    (refused,) = of(outputs, CommandRefused)
    assert refused.reason == "INVALID"
    assert {fault.code for fault in refused.faults} == {"POINT_OUT_OF_RANGE"}
    assert (state.zones.layout.revision, state.zones.layout.zones) == (1, (DESK,))


def test_a_disabled_camera_ends_its_visits_and_refuses_frames_until_it_is_enabled() -> None:
    log = [
        define(DESK),
        *film(every(100, START, START + 5_000), IN),
        configure(enabled=False),
        frame(90, START + 6_000),
        lost(START + 6_500),
        configure(enabled=True),
        frame(91, START + 7_000),
    ]
    _, outputs = fold(entries(log))
    (visit,) = of(outputs, ZoneExited)
    assert (visit.exit_reason, visit.exited_at, visit.exited_at_max) == ("DISABLED", START + 5_000, None)
    assert [each.reason for each in of(outputs, RecordRefused)] == ["DISABLED"]
    assert [each.status for each in of(outputs, CameraStatusObserved)] == [
        "STREAMING",
        "DISABLED",
        "OTHER",
        "STREAMING",
    ]
    assert [each.revision for each in of(outputs, CameraConfigured)] == [1, 2]
    assert [each.reason for each in of(outputs, TrackEnded)] == ["DISABLED"]


# --- zone edits mid-visit ---------------------------------------------------------------------------------------------


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


def test_settings_with_a_text_no_database_can_store_are_refused() -> None:
    command = ConfigureCamera(camera_id="c1", command_id="k", name="front\0door")
    _, (refused,) = step(CameraState("c1"), LogEntry(Position(epoch=0, partition=0, offset=0, index=0), None, command))
    assert isinstance(refused, CommandRefused)
    assert (refused.reason, refused.revision) == ("INVALID", 0)
    assert [fault.code for fault in refused.faults] == ["NUL_IN_TEXT"]
