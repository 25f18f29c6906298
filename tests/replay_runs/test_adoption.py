"""The rules of adoption, without a broker: which runs may be adopted, and how their facts are published."""

from typing import Any

import msgspec
import pytest

from schemas.events import Position, RunAdopted, TracksRestated, ZoneMinutesRestated, ZoneVisitsRestated
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.plan import Parameters
from stream_processors.replay.shapes import OtherZones, Shapes
from stream_processors.runs.adoption import marks, objections, restated
from stream_processors.runs.run import Run
from stream_processors.runs.summary import RunCamera, RunSummary
from tests.domain.walks import DESK
from tests.projections.samples import track_ended, zone_exited, zone_minute

DIGESTS = {"door": "00"}
SUMMARY = RunSummary(
    fold_version=FOLD_VERSION, approximate=False, open_visits=0, outputs={}, cameras={"door": RunCamera(True, "00")},
    ends={0: 9}, changes={}, before={}, after={},
)  # fmt: skip


def run(summary: RunSummary = SUMMARY, **given: Any) -> Run:
    fields: dict[str, Any] = {
        "run_id": "r", "state": "ADOPT_REQUESTED", "requested_by": "ana", "cameras": ("door",), "range_from": 0,
        "range_to": 60_000, "zones": OtherZones(), "parameters": Parameters(),
    }  # fmt: skip
    return Run(**fields | given, summary=summary)


def adopted(**given: Any) -> RunAdopted:
    fields: dict[str, Any] = {
        "camera_id": "door", "position": Position(epoch=0, partition=3, offset=99, index=0), "command_id": "c",
        "run_id": "r", "restatement": 2, "range_from": 0, "range_to": 60_000, "fold_version": 1, "digest": "",
    }  # fmt: skip
    return RunAdopted(**fields | given)


def test_a_run_that_is_exact_over_and_whole_can_be_adopted() -> None:
    assert objections(run(), {"door": 60_000}, DIGESTS) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"fold_version": FOLD_VERSION + 1}, f"made by fold version {FOLD_VERSION + 1}, and this is version"),
        ({"approximate": True}, "it is approximate"),
        (
            {"open_visits": 3, "cameras": {"door": RunCamera(False, "00")}},
            "not all of its range was decided yet at door, with 3 visits still open",
        ),
    ],
)
def test_a_run_that_says_less_than_the_live_numbers_cannot(fields: dict[str, Any], words: str) -> None:
    (reason,) = objections(run(msgspec.structs.replace(SUMMARY, **fields)), {"door": 60_000}, DIGESTS)
    assert words in reason


@pytest.mark.parametrize("watermarks", [{"door": 59_999}, {}])
def test_a_range_a_camera_has_not_passed_cannot(watermarks: dict[str, int]) -> None:
    (reason,) = objections(run(), watermarks, DIGESTS)
    assert "not seen past that are door" in reason


def test_tables_that_hold_other_facts_cannot() -> None:
    (reason,) = objections(run(), {"door": 60_000}, {"door": "22"})
    assert "its tables do not hold what it said" in reason


def test_the_command_is_the_same_however_often_it_is_made_and_another_for_each_camera_and_run() -> None:
    zones = OtherZones(every=Shapes(zones=(DESK,)))
    command = run(zones=zones).adoption("door")
    assert command == run(zones=zones).adoption("door")
    assert (command.zones, command.lines, command.digest, command.issued_by) == ((DESK,), (), "00", "ana")
    assert command.command_id != run(run_id="s").adoption("door").command_id
    assert run().adoption("door").zones is None


def test_facts_under_other_zones_name_them_by_the_restatement_below_zero() -> None:
    other = adopted(zones=(DESK,))
    assert restated(other, zone_exited()) == zone_exited(restatement=2, zones_revision=-2)
    assert restated(other, track_ended()) == track_ended(restatement=2)
    assert restated(adopted(), zone_minute(zones_revision=5)) == zone_minute(zones_revision=5, restatement=2)


def test_marks_follow_the_answer_as_further_effects_of_the_command() -> None:
    both = list(marks(adopted(), with_tracks=False))
    assert [type(each) for each in both] == [ZoneVisitsRestated, ZoneMinutesRestated]
    assert [each.position.index for each in both] == [1, 2]
    (*_, tracks) = marks(adopted(), with_tracks=True)
    assert isinstance(tracks, TracksRestated)
    assert tracks.position == Position(epoch=0, partition=3, offset=99, index=3)
