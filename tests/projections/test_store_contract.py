"""What every projection store must do: the twin in memory, and TimescaleDB's in each edition."""

import math

import msgspec
import pytest

from schemas.events import (
    Derived,
    Line,
    RangeRestated,
    TracksRestated,
    Zone,
    ZoneMinutesRestated,
    ZoneVisitsRestated,
)
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.projections.errors import BadRowError, FencedError
from tests.projections.conftest import ReadModel, memory_model
from tests.projections.samples import (
    CAMERA,
    MARKS,
    NOON,
    SQUARE,
    TRACK,
    appended,
    at,
    camera_configured,
    command_refused,
    configuration_applied,
    frames_lost,
    line_crossed,
    record_refused,
    restated,
    run_adopted,
    seen,
    seen_before,
    status_observed,
    track_ended,
    tracks_observed,
    zone_entered,
    zone_exited,
    zone_minute,
    zones_defined,
)


def one_of_each() -> list[Derived]:
    return [
        camera_configured(position=at(1)),
        zones_defined(position=at(2)),
        status_observed(position=at(3)),
        tracks_observed(position=at(4), tracks=(seen(),), backlog=(seen_before(NOON - 400),)),
        zone_entered(position=at(4, 1)),
        line_crossed(position=at(5)),
        tracks_observed(position=at(6), tracks=(seen(),), observed_at=NOON + 1_000, seq=1, accepted=2),
        zone_exited(position=at(7)),
        track_ended(position=at(7, 1)),
        zone_minute(position=at(8)),
        zones_defined(2, position=at(9)),
        command_refused(position=at(10)),
        record_refused(position=at(11)),
        status_observed(position=at(12), status="SILENT", reason="STALLED"),
        configuration_applied(position=at(13)),
        frames_lost(position=at(14)),
        run_adopted(position=at(15)),
        zone_exited(position=at(7), restatement=1),
        restated(position=at(15)),
    ]


# --- offsets ----------------------------------------------------------------------------------------------------------


def test_a_partition_begins_at_offset_zero_and_moves_with_each_write(read_model: ReadModel) -> None:
    store = read_model.store
    assert store.next_offset(TRACKS, 3) == 0
    store.write(TRACKS, 3, 0, 7, appended(track_ended()))
    assert store.next_offset(TRACKS, 3) == 7
    store.write(TRACKS, 3, 7, 9, [])
    assert store.next_offset(TRACKS, 3) == 9


def test_offsets_of_other_partitions_and_topics_stay(read_model: ReadModel) -> None:
    store = read_model.store
    places = [(TRACKS, 1), (ZONE_VISITS, 0)]
    before = [store.next_offset(*place) for place in places]
    assert store.next_offset(TRACKS, 0) == 0
    store.write(TRACKS, 0, 0, 5, [])
    assert [store.next_offset(*place) for place in places] == before


@pytest.mark.parametrize("expected", [0, 4, 6, 100])
def test_a_writer_that_expects_another_offset_is_fenced_and_changes_nothing(
    read_model: ReadModel, expected: int
) -> None:
    assert read_model.store.next_offset(TRACKS, 0) == 0
    read_model.store.write(TRACKS, 0, 0, 5, [])
    with pytest.raises(FencedError, match=r"aforo\.tracks\.v1/0"):
        read_model.store.write(TRACKS, 0, expected, expected + 1, appended(track_ended()))
    assert read_model.rows("tracks") == []
    assert read_model.store.next_offset(TRACKS, 0) == 5


def test_one_bad_event_keeps_the_whole_batch_and_its_offset_out(read_model: ReadModel) -> None:
    bad = tracks_observed(position=at(11), tracks=(seen(x=math.nan),))
    with pytest.raises(BadRowError, match="TracksObserved of camera 'entrance'"):
        read_model.project(track_ended(), bad)
    assert read_model.rows("tracks") == []
    assert read_model.store.next_offset(TRACKS, 0) == 0


def test_a_store_goes_on_after_a_bad_batch(read_model: ReadModel) -> None:
    with pytest.raises(BadRowError):
        read_model.project(tracks_observed(width=0, tracks=(seen(),)))
    read_model.project(track_ended())
    assert read_model.row("tracks")["observations"] == 54


# --- repeatable -------------------------------------------------------------------------------------------------------


def test_every_record_projected_twice_changes_nothing(read_model: ReadModel) -> None:
    read_model.project(*one_of_each())
    once = read_model.all_rows()
    assert all(once.values()), "the sample must touch every table"
    read_model.project(*one_of_each())
    assert read_model.all_rows() == once


def test_repeating_the_tail_after_a_crash_changes_nothing(read_model: ReadModel) -> None:
    events = one_of_each()
    read_model.project(*events)
    once = read_model.all_rows()
    for event in events[5:]:
        read_model.project(event)
        assert read_model.all_rows() == once


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_read_model_does_not_depend_on_the_borders_of_batches(read_model: ReadModel, size: int) -> None:
    events = one_of_each()
    for first in range(0, len(events), size):
        read_model.project(*events[first : first + size])
    by_ones = memory_model()
    for event in events:
        by_ones.project(event)
    assert read_model.holds_what(by_ones)


def test_one_of_each_makes_the_rows_one_would_count_by_hand(read_model: ReadModel) -> None:
    read_model.project(*one_of_each())
    assert {table: len(rows) for table, rows in read_model.all_rows().items()} == {
        "track_positions": 3, "tracks": 1, "zone_visits": 2, "line_crossings": 1, "zone_minutes": 1, "cameras": 1,
        "zones": 2, "lines": 2, "camera_events": 10, "frames_lost": 1, "restatements": 1,
    }  # fmt: skip


# --- zone visits ------------------------------------------------------------------------------------------------------


def test_an_entered_visit_is_open(read_model: ReadModel) -> None:
    read_model.project(zone_entered(position=at(10, 2)))
    visit = read_model.row("zone_visits")
    assert (visit["entered_at"], visit["entered_at_min"], visit["entered_at_max"]) == (
        NOON + 150,
        NOON + 100,
        NOON + 200,
    )
    assert (visit["seq"], visit["seq_index"]) == (10, 2)
    assert visit.get("exited_at") is None
    assert visit.get("dwell_ms") is None


@pytest.mark.parametrize("together", [True, False])
def test_an_exit_closes_the_visit(read_model: ReadModel, *, together: bool) -> None:
    entry, end = zone_entered(position=at(10)), zone_exited(position=at(50, 1))
    if together:
        read_model.project(entry, end)
    else:
        read_model.project(entry)
        read_model.project(end)
    visit = read_model.row("zone_visits")
    assert (visit["exited_at"], visit["dwell_ms"], visit["exit_reason"]) == (NOON + 4_150, 4_000, "LEFT")
    assert (visit["seq"], visit["seq_index"]) == (50, 1)


def test_an_exit_stands_without_its_entry(read_model: ReadModel) -> None:
    read_model.project(zone_exited(entered_at_min=None, entry_reason="TRACK_STARTED"))
    visit = read_model.row("zone_visits")
    assert (visit["entered_at_min"], visit["entry_reason"], visit["dwell_ms"]) == (None, "TRACK_STARTED", 4_000)


def test_a_late_entry_does_not_reopen_a_closed_visit(read_model: ReadModel) -> None:
    read_model.project(zone_exited(position=at(50)))
    for position in (at(10), at(50), at(60), at(0, epoch=1)):
        read_model.project(zone_entered(position=position))
    assert read_model.row("zone_visits")["exited_at"] == NOON + 4_150


def test_beginning_a_visit_twice_changes_nothing(read_model: ReadModel) -> None:
    read_model.project(zone_entered(position=at(10)), zone_entered(position=at(10), entry_reason="OTHER"))
    read_model.project(zone_entered(position=at(12), entry_reason="OTHER"))
    visit = read_model.row("zone_visits")
    assert (visit["entry_reason"], visit["seq"]) == ("CROSSED", 10)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("entry_first", [True, False])
def test_a_visit_knows_where_its_entry_stands_in_the_log(
    read_model: ReadModel, *, together: bool, entry_first: bool
) -> None:
    events: list[Derived] = [zone_entered(position=at(10, 2)), zone_exited(position=at(50, 1))]
    events = events if entry_first else events[::-1]
    for batch in [events] if together else [[event] for event in events]:
        read_model.project(*batch)
    visit = read_model.row("zone_visits")
    assert (visit["entered_seq"], visit["entered_seq_index"]) == (10, 2)
    assert (visit["seq"], visit["seq_index"]) == (50, 1)


def test_an_entry_that_was_never_stored_has_no_place(read_model: ReadModel) -> None:
    read_model.project(zone_exited())
    assert read_model.row("zone_visits").get("entered_seq", -1) == -1


def test_a_restated_visit_stands_beside_the_first(read_model: ReadModel) -> None:
    read_model.project(zone_exited(), zone_exited(restatement=1, dwell_ms=3_000, exited_at=NOON + 3_150))
    assert {row["restatement"]: row["dwell_ms"] for row in read_model.rows("zone_visits")} == {0: 4_000, 1: 3_000}


# --- tracks and positions ---------------------------------------------------------------------------------------------


def confirmed(offset: int = 10) -> Derived:
    return tracks_observed(
        position=at(offset), tracks=(seen(),), backlog=(seen_before(NOON - 400), seen_before(NOON - 200))
    )


def test_a_track_begins_with_its_first_detection_when_it_is_confirmed(read_model: ReadModel) -> None:
    read_model.project(confirmed())
    track = read_model.row("tracks")
    assert (track["started_at"], track["last_seen_at"], track["observations"]) == (NOON - 400, NOON, 0)
    assert track.get("ended_at") is None


def test_a_living_track_shows_when_it_was_last_seen(read_model: ReadModel) -> None:
    read_model.project(confirmed())
    read_model.project(
        tracks_observed(position=at(11), tracks=(seen(),), observed_at=NOON + 100),
        tracks_observed(position=at(12), tracks=(seen(TRACK + 1),), observed_at=NOON + 200),
    )
    assert [(row["track_no"], row["last_seen_at"]) for row in read_model.rows("tracks")] == [(TRACK, NOON + 100)]


@pytest.mark.parametrize("together", [True, False])
def test_an_ended_track_is_complete_and_stays_so(read_model: ReadModel, *, together: bool) -> None:
    later = tracks_observed(position=at(20), tracks=(seen(),), observed_at=NOON + 5_000)
    ended = track_ended(position=at(30))
    one_by_one: list[list[Derived]] = [[confirmed()], [later], [ended], [later], [confirmed()]]
    for batch in [[confirmed(), later, ended, later]] if together else one_by_one:
        read_model.project(*batch)
    track = read_model.row("tracks")
    assert (track["ended_at"], track["end_reason"], track["observations"]) == (NOON + 5_000, "TIMEOUT", 54)
    assert (track["last_seen_at"], track["seq"]) == (NOON + 5_000, 30)


def test_a_track_is_stored_by_its_end_alone(read_model: ReadModel) -> None:
    read_model.project(track_ended())
    assert read_model.row("tracks")["started_at"] == NOON - 400


def test_a_position_is_the_foot_in_ten_thousandths_of_the_frame(read_model: ReadModel) -> None:
    read_model.project(tracks_observed(tracks=(seen(x=100, y=50),), observed_at=NOON + 250))
    assert read_model.row("track_positions") == {
        "camera_id": CAMERA, "track_no": TRACK, "second": NOON, "restatement": 0, "offset_ms": 250,
        "foot_x": round(130 / 640 * 10_000), "foot_y": round(250 / 480 * 10_000), "width": 60, "height": 200, "score_pct": 82,
    }  # fmt: skip


@pytest.mark.parametrize(("y", "foot_y"), [(300.0, 10_000), (-300.0, 0)])
def test_a_foot_is_clamped_to_the_frame_in_height_only(read_model: ReadModel, y: float, foot_y: int) -> None:
    read_model.project(tracks_observed(tracks=(seen(x=-64 - 30, y=y),)))
    position = read_model.row("track_positions")
    assert (position["foot_x"], position["foot_y"]) == (-1_000, foot_y)


@pytest.mark.parametrize("together", [True, False])
def test_the_first_observation_of_each_second_is_kept(read_model: ReadModel, *, together: bool) -> None:
    moments = [NOON + 200, NOON + 700, NOON + 999, NOON + 1_000, NOON + 1_900, NOON + 3_500]
    events = [
        tracks_observed(position=at(index), tracks=(seen(),), observed_at=moment)
        for index, moment in enumerate(moments)
    ]
    for batch in [events] if together else [[event] for event in events]:
        read_model.project(*batch)
    kept = sorted(row["second"] + row["offset_ms"] for row in read_model.rows("track_positions"))
    assert kept == [NOON + 200, NOON + 1_000, NOON + 3_500]


def test_earlier_observations_of_a_confirmed_track_count_and_come_first(read_model: ReadModel) -> None:
    backlog = (seen_before(NOON - 400), seen_before(NOON + 100))
    read_model.project(tracks_observed(tracks=(seen(),), backlog=backlog, observed_at=NOON + 500))
    kept = sorted(row["second"] + row["offset_ms"] for row in read_model.rows("track_positions"))
    assert kept == [NOON - 400, NOON + 100]


# --- cameras and configuration ----------------------------------------------------------------------------------------


def test_a_camera_is_there_from_its_first_frame(read_model: ReadModel) -> None:
    read_model.project(tracks_observed(accepted=1, refused={"LATE": 2}))
    camera = read_model.row("cameras")
    assert (camera["last_seen_at"], camera["width"], camera["height"]) == (NOON, 640, 480)
    assert (camera["accepted"], camera["refused"]) == (1, {"LATE": 2})
    assert camera.get("revision", 0) == 0


def test_the_last_frame_of_a_batch_says_when_the_camera_was_last_seen(read_model: ReadModel) -> None:
    frames = [tracks_observed(position=at(n), observed_at=NOON + n, accepted=n) for n in (1, 2, 3)]
    read_model.project(*frames)
    read_model.project(frames[0])
    assert (read_model.row("cameras")["last_seen_at"], read_model.row("cameras")["accepted"]) == (NOON + 3, 3)


def test_configuration_read_long_after_later_frames_still_counts(read_model: ReadModel) -> None:
    read_model.project(tracks_observed(position=at(9_000)))
    read_model.project(
        camera_configured(position=at(5)),
        zones_defined(position=at(6)),
        status_observed(position=at(7)),
        topic=CAMERA_EVENTS,
    )
    camera = read_model.row("cameras")
    assert (camera["name"], camera["site_id"], camera["revision"], camera["zones_revision"]) == ("Entrance", "hq", 1, 1)
    assert (camera["status"], camera["last_seen_at"]) == ("STREAMING", NOON)


def test_a_camera_shows_what_it_is_to_do_and_what_its_edge_does(read_model: ReadModel) -> None:
    masks = (((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)),)
    wanted = camera_configured(
        source="rtsp://192.0.2.1/1", credentials="door", target_fps=2.5, masks=masks, position=at(1)
    )
    read_model.project(wanted, configuration_applied(position=at(2), error="AUTHENTICATION"), topic=CAMERA_EVENTS)
    camera = read_model.row("cameras")
    assert (camera["source"], camera["credentials"], camera["target_fps"]) == ("rtsp://192.0.2.1/1", "door", 2.5)
    assert camera["masks"] == [[[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]]
    assert (camera["applied_revision"], camera["applied_error"], camera["applied_at"]) == (
        1,
        "AUTHENTICATION",
        NOON + 700,
    )


def test_what_the_edge_reported_last_stands_even_when_it_went_back_a_revision(read_model: ReadModel) -> None:
    reports = [configuration_applied(position=at(n), revision=revision) for n, revision in ((5, 3), (6, 2), (4, 1))]
    for report in reports:
        read_model.project(report, topic=CAMERA_EVENTS)
    assert read_model.row("cameras")["applied_revision"] == 2


def test_lost_frames_are_kept_one_row_a_loss(read_model: ReadModel) -> None:
    unknown = dict.fromkeys(("first_seq", "last_seq", "first_observed_at", "last_observed_at"))
    losses = [frames_lost(position=at(3)), frames_lost(position=at(9), records=40, reason="SPOOL_DAMAGED", **unknown)]
    read_model.project(*losses, losses[0], topic=CAMERA_EVENTS)
    first, second = sorted(read_model.rows("frames_lost"), key=lambda row: row["seq"])
    assert (first["session"], first["first_seq"], first["last_seq"], first["records"]) == ("s", 7, 9, 3)
    assert (second["records"], second["first_seq"], second["first_observed_at"]) == (40, None, None)


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_says_which_range_of_its_own_topic_is_restated_since_when(
    read_model: ReadModel, mark: type[RangeRestated]
) -> None:
    read_model.project(restated(mark), at=NOON + 5)
    read_model.project(restated(mark), at=NOON + 900)
    found = read_model.row("restatements")
    topics = {TracksRestated: TRACKS, ZoneVisitsRestated: ZONE_VISITS, ZoneMinutesRestated: ZONE_MINUTES}
    assert (found["topic"], found["restatement"], found["run_id"]) == (topics[mark], 1, "run-1")
    assert (found["range_from"], found["range_to"], found["restated_at"]) == (NOON, NOON + 3_600_000, NOON + 5)


def test_restated_frames_say_nothing_of_how_the_camera_is_doing(read_model: ReadModel) -> None:
    read_model.project(tracks_observed(tracks=(seen(),), restatement=1))
    assert read_model.rows("cameras") == []
    assert read_model.row("track_positions")["restatement"] == 1


def test_settings_and_status_never_go_back(read_model: ReadModel) -> None:
    first = [camera_configured(position=at(1), name="old"), status_observed(position=at(2), status="SILENT")]
    second = [camera_configured(position=at(3), name="new", revision=2), status_observed(position=at(4))]
    read_model.project(*first, *second, topic=CAMERA_EVENTS)
    read_model.project(*first, topic=CAMERA_EVENTS)
    assert (read_model.row("cameras")["name"], read_model.row("cameras")["status"]) == ("new", "STREAMING")


@pytest.mark.parametrize("together", [True, False])
def test_a_new_revision_ends_the_zones_and_lines_of_the_one_before(read_model: ReadModel, *, together: bool) -> None:
    moved = Zone(zone_id="desk", name="Desk", kind="WORK", polygon=SQUARE[::-1], min_stay_ms=900)
    revisions = [zones_defined(1), zones_defined(2, zones=(moved,), lines=()), zones_defined(3, zones=(), lines=())]
    revisions = [msgspec.structs.replace(event, position=at(n)) for n, event in enumerate(revisions)]
    for batch in [revisions] if together else [[event] for event in revisions]:
        read_model.project(*batch, topic=CAMERA_EVENTS)
    zones = {row["zones_revision"]: row for row in read_model.rows("zones")}
    assert {n: (row["valid_from"], row["valid_to"]) for n, row in zones.items()} == {
        1: (NOON + 1_000, NOON + 2_000),
        2: (NOON + 2_000, NOON + 3_000),
    }
    assert (zones[2]["min_stay_ms"], zones[2]["polygon"]) == (900, [list(point) for point in SQUARE[::-1]])
    assert read_model.row("lines")["valid_to"] == NOON + 2_000


def test_the_newest_zones_are_in_force(read_model: ReadModel) -> None:
    line = Line(line_id="door", name="Door", points=((0.0, 0.5), (1.0, 0.5)), anchor="CENTRE")
    read_model.project(zones_defined(lines=(line,)), topic=CAMERA_EVENTS)
    assert read_model.row("zones").get("valid_to") is None
    assert (read_model.row("lines").get("valid_to"), read_model.row("lines")["anchor"]) == (None, "CENTRE")


def test_other_zones_of_an_adopted_run_are_in_force_in_its_range_and_leave_the_history_alone(
    read_model: ReadModel,
) -> None:
    drawn = Zone(zone_id="desk", name="Desk", kind="REST", polygon=SQUARE[::-1])
    read_model.project(zones_defined(1), run_adopted(position=at(50), zones=(drawn,), lines=()), topic=CAMERA_EVENTS)
    zones = {row["zones_revision"]: row for row in read_model.rows("zones")}
    assert {n: (row["kind"], row["valid_from"], row.get("valid_to")) for n, row in zones.items()} == {
        1: ("WORK", NOON + 1_000, None),
        -1: ("REST", NOON, NOON + 3_600_000),
    }
    assert [row["zones_revision"] for row in read_model.rows("lines")] == [1]
    assert read_model.row("cameras")["zones_revision"] == 1


def test_every_record_of_camera_events_is_kept_whole(read_model: ReadModel) -> None:
    read_model.project(command_refused(position=at(1)), record_refused(position=at(2)), topic=CAMERA_EVENTS)
    refused, record = sorted(read_model.rows("camera_events"), key=lambda row: row["seq"])
    assert (refused["type"], refused["command_id"], refused["body"]["reason"]) == ("CommandRefused", "c-9", "INVALID")
    assert refused["body"]["faults"][0]["path"] == "zones[0].polygon"
    assert (record["type"], record["command_id"], record["body"]["detail"]) == ("RecordRefused", None, "no frame")


def test_positions_of_a_later_epoch_follow_those_of_an_earlier_one(read_model: ReadModel) -> None:
    read_model.project(tracks_observed(position=at(10**12), accepted=5))
    read_model.project(tracks_observed(position=at(0, epoch=1), accepted=6))
    assert read_model.row("cameras")["accepted"] == 6
