"""Commands in a camera's log, how each is answered, and what the edge says of itself."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events import (
    AdoptRun,
    CameraConfigurationApplied,
    CameraConfigured,
    CameraStatusObserved,
    CommandRefused,
    EdgeConfigurationReported,
    Event,
    FramesDropped,
    FramesLost,
    Position,
    RecordRefused,
    RunAdopted,
    TrackEnded,
    ZoneExited,
    ZoneMinuteMeasured,
    ZonesDefined,
)
from stream_processors.domain.commands import REMEMBERED_COMMANDS
from tests.domain.walks import (
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
    square,
    vertical,
)

SECOND = 1_000
SCENE = film(every(100, START, START + 10 * SECOND), IN)
WATERMARK = SCENE[-1].observed_at
NOWHERE = Position(epoch=0, partition=0, offset=0, index=0)


def adopt(**more: Any) -> AdoptRun:
    known = {"camera_id": CAMERA, "command_id": "adopt-1", "run_id": "run-1", "fold_version": 1, "digest": "d"}
    return AdoptRun(**{**known, "range_from": START, "range_to": WATERMARK, **more})


def test_an_adopted_run_is_answered_with_its_content_and_the_next_restatement() -> None:
    first, second = said(
        [*SCENE, adopt(zones=(DESK,)), adopt(command_id="adopt-2", run_id="run-2", range_to=START + 1)], RunAdopted
    )
    assert (first.run_id, first.restatement, first.zones) == ("run-1", 1, (DESK,))
    assert (first.range_from, first.range_to, first.digest) == (START, WATERMARK, "d")
    assert (second.run_id, second.restatement) == ("run-2", 2)


def test_adopting_a_run_changes_no_number_of_the_live_fold() -> None:
    def minutes_and_visits(log: Sequence[Event]) -> list[Event]:
        outputs = fold(entries([define(DESK), *log, lost(WATERMARK)]))[1]
        return [replace(each, position=NOWHERE) for each in of(outputs, ZoneExited) + of(outputs, ZoneMinuteMeasured)]

    plain, adopted = (
        minutes_and_visits(SCENE),
        minutes_and_visits([*SCENE[:50], adopt(range_to=START + 1), *SCENE[50:]]),
    )
    assert plain == adopted != []


@pytest.mark.parametrize("bounds", [(START, WATERMARK + 1), (START, START), (START + 1, START)])
def test_a_range_that_is_empty_or_not_over_is_refused(bounds: tuple[int, int]) -> None:
    outputs = [*SCENE, adopt(range_from=bounds[0], range_to=bounds[1])]
    (refused,) = said(outputs, CommandRefused)
    assert (refused.reason, [fault.code for fault in refused.faults]) == ("INVALID", ["RANGE_NOT_OVER"])
    assert said(outputs, RunAdopted) == []


def test_a_run_that_expects_another_restatement_is_in_conflict() -> None:
    (refused,) = said([*SCENE, adopt(expected_revision=3)], CommandRefused)
    assert (refused.reason, refused.revision) == ("REVISION_CONFLICT", 0)


def test_the_same_adoption_twice_is_one() -> None:
    assert len(said([*SCENE, adopt(), adopt()], RunAdopted)) == 1


def test_what_the_edge_is_to_do_is_told_back_in_full() -> None:
    wanted: dict[str, Any] = {
        "source": "rtsp://192.0.2.1/stream1",
        "credentials": "door",
        "target_fps": 5.0,
        "masks": (((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)),),
    }
    (configured,) = said([configure(**wanted)], CameraConfigured)
    assert {name: getattr(configured, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"source": "rtsp://user:secret@192.0.2.1/stream1"}, "CREDENTIALS_IN_SOURCE"),
        ({"target_fps": 0.0}, "RATE_OUT_OF_RANGE"),
        ({"target_fps": float("nan")}, "RATE_OUT_OF_RANGE"),
        ({"masks": (((0.0, 0.0), (0.5, 0.0)),)}, "POINT_COUNT"),
        ({"masks": (((0.0, 0.0), (1.5, 0.0), (0.5, 0.5)),)}, "POINT_OUT_OF_RANGE"),
    ],
)
def test_a_configuration_that_no_edge_could_follow_is_refused(wrong: dict[str, Any], code: str) -> None:
    (refused,) = said([configure(**wrong)], CommandRefused)
    assert [fault.code for fault in refused.faults] == [code]
    assert "secret" not in str(refused)


def test_an_address_without_a_user_may_hold_an_at_sign_in_its_path() -> None:
    assert len(said([configure(source="http://192.0.2.1/live@high")], CameraConfigured)) == 1


def test_what_the_edge_says_of_itself_is_passed_on_and_changes_nothing() -> None:
    reported = EdgeConfigurationReported(camera_id=CAMERA, revision=4, reported_at=START, error="no such file")
    dropped = FramesDropped(
        camera_id=CAMERA, session="s", first_seq=7, last_seq=9, records=3, dropped_at=START, reason="SPOOL_FULL"
    )
    (applied,) = said([reported], CameraConfigurationApplied)
    assert (applied.revision, applied.reported_at, applied.error) == (4, START, "no such file")
    (gone,) = said([dropped], FramesLost)
    assert (gone.session, gone.first_seq, gone.last_seq, gone.records, gone.reason) == ("s", 7, 9, 3, "SPOOL_FULL")
    state, _ = fold(entries(SCENE))
    after, more = fold(entries([*SCENE, reported, dropped])[len(SCENE) :], state)
    assert after == state
    assert [type(each) for each in more] == [CameraConfigurationApplied, FramesLost]


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


def test_settings_with_a_text_no_database_can_store_are_refused() -> None:
    (refused,) = said([configure(name="front\0door")], CommandRefused)
    assert (refused.reason, refused.revision) == ("INVALID", 0)
    assert [fault.code for fault in refused.faults] == ["NUL_IN_TEXT"]
