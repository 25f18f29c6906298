"""What a line says, and what it must say to be a record."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import DefineZones, FrameObserved, Position, RecordRefused, Zone
from stream_processors.replay.errors import ExportError
from stream_processors.replay.lines import Logged, NotARecord, moment, packed, read_fields, read_json, to_json
from tests.domain.walks import logs
from tests.schemas.strategies import events

FRAME: dict[str, Any] = {
    "type": "FrameObserved", "camera_id": "c1", "session": "s1", "seq": 7, "observed_at": 1_700_000_000_700,
    "width": 1920, "height": 1080, "boxes": [[1, 2, 3, 4]], "scores": [0.9],
}  # fmt: skip


def read(fields: dict[str, Any]) -> Logged | NotARecord:
    return read_json("line 1", json.dumps(fields).encode())


def record(**more: Any) -> FrameObserved:
    logged = read(FRAME | more)
    assert isinstance(logged, Logged)
    assert isinstance(logged.record, FrameObserved)
    return logged.record


def refusal(fields: dict[str, Any]) -> str:
    found = read(fields)
    assert isinstance(found, NotARecord)
    return found.reason


def test_a_frame_takes_the_documented_defaults() -> None:
    frame = record()
    assert (frame.score_floor, frame.score_high, frame.score_birth, frame.low_only_ms) == (0.1, 0.6, 0.7, 5_000)
    assert (frame.gated, frame.time_source, frame.model, frame.skipped) == (False, "ARRIVAL", "", {})
    assert frame.boxes == struct.pack("<4f", 1, 2, 3, 4)
    assert frame.scores == struct.pack("<f", 0.9)


def test_a_line_without_an_append_time_has_none() -> None:
    logged = read(FRAME)
    assert isinstance(logged, Logged)
    assert (logged.position, logged.offset, logged.appended_at) == (None, None, None)


def test_the_order_of_the_fields_does_not_matter() -> None:
    assert read(dict(reversed(FRAME.items()))) == read(FRAME)


def test_a_place_in_the_log_is_kept() -> None:
    logged = read(FRAME | {"offset": 12, "appended_at": "2023-11-14T22:13:21Z"})
    assert isinstance(logged, Logged)
    assert (logged.offset, logged.appended_at) == (12, 1_700_000_001_000)


def test_zones_are_read_as_the_api_writes_them() -> None:
    polygon = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]]
    zone = {"zone_id": "z1", "name": "Desk", "kind": "WORK", "polygon": polygon, "capacity": 2}
    logged = read(
        {"type": "DefineZones", "camera_id": "c1", "command_id": "k1", "expected_revision": 0, "zones": [zone]}
    )
    assert isinstance(logged, Logged)
    wanted = Zone(zone_id="z1", name="Desk", kind="WORK", polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.9)), capacity=2)
    assert logged.record == DefineZones(camera_id="c1", command_id="k1", expected_revision=0, zones=(wanted,))


@pytest.mark.parametrize(
    "at", ["2023-11-14T22:13:20.7Z", "2023-11-14T23:13:20.700+01:00", "2023-11-14T22:13:20.700999Z", 1_700_000_000_700]
)
def test_one_moment_in_any_writing_is_one_moment(at: str | int) -> None:
    assert record(observed_at=at) == record()
    assert moment(str(at)) == 1_700_000_000_700


@pytest.mark.parametrize("at", ["2023-11-14T22:13:20", "yesterday", "-1", "1" * 40, ""])
def test_what_is_no_moment_of_utc_is_refused(at: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        moment(at)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a record of another topic": (FRAME | {"type": "TracksObserved"}, "TracksObserved"),
    "no type": ({"camera_id": "c1"}, "type"),
    "no session": ({name: value for name, value in FRAME.items() if name != "session"}, "session"),
    "a misspelt field": (FRAME | {"score_hihg": 0.5}, "score_hihg"),
    "a local time": (FRAME | {"observed_at": "2023-11-14T22:13:20"}, "timezone"),
    "a negative time": (FRAME | {"observed_at": -1}, "observed_at"),
    "a box of three": (FRAME | {"boxes": [[1, 2, 3]]}, "boxes"),
    "a box beyond float32": (FRAME | {"boxes": [[1, 2, 3, 1e39]]}, "boxes"),
    "boxes as base64": (FRAME | {"boxes": "AAAA"}, "boxes"),
    "no boxes": ({name: value for name, value in FRAME.items() if name != "boxes"}, "boxes and scores are needed"),
    "an unknown kind of time source": (FRAME | {"time_source": "SUN"}, "SUN"),
    "a refusal without its place": (
        {"type": "RecordRefused", "camera_id": "c1", "reason": "UNSIGNED", "position": None},
        "position",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_record_is_told_by_the_field(name: str) -> None:
    fields, word = WRONG[name]
    assert word in refusal(fields)


@pytest.mark.parametrize("line", [b"nothing", b"[1]", b'{"type":', b"\xff\xfe", b"7"])
def test_what_is_no_json_object_is_no_record(line: bytes) -> None:
    assert isinstance(read_json("line 1", line), NotARecord)


def test_only_a_gated_frame_may_leave_out_what_nobody_looked_for() -> None:
    fields = {name: value for name, value in FRAME.items() if name not in {"boxes", "scores"}}
    logged = read(fields | {"gated": True})
    assert isinstance(logged, Logged)
    assert isinstance(logged.record, FrameObserved)
    assert (logged.record.boxes, logged.record.scores) == (b"", b"")


@given(log=logs())
def test_a_log_written_as_lines_reads_back_as_it_was(log: list[Any]) -> None:
    for offset, each in enumerate(log):
        position = Position(epoch=3, partition=1, offset=offset, index=0)
        logged = Logged("line 1", each, position, appended_at=offset)
        assert read_json("line 1", to_json(logged)) == logged


@given(st.sampled_from(["FrameObserved", "CameraStatusChanged", "ConfigureCamera", "DefineZones"]).flatmap(events))
def test_whatever_avro_allows_is_written_exactly_or_not_at_all(event: Any) -> None:
    logged = Logged("partition 0, offset 1", event)
    try:
        line = to_json(logged)
    except ExportError as error:
        assert str(error).startswith("partition 0, offset 1: ")  # noqa: PT017 - either outcome is right, this one named
    else:
        assert read_json("partition 0, offset 1", line) == logged


@given(
    boxes=st.lists(st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 4)),
    scores=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)),
)
def test_every_float32_survives_the_way_through_json(boxes: list[tuple[float, ...]], scores: list[float]) -> None:
    logged = Logged("", record(boxes=boxes, scores=scores))
    assert read_json("", to_json(logged)) == logged


def test_a_number_that_is_not_finite_is_null() -> None:
    logged = Logged("", record(boxes=[[1, None, 3, 4]]))
    assert b"[[1.0,null,3.0,4.0]]" in to_json(logged)


def test_boxes_that_do_not_fit_cannot_be_written_as_lists() -> None:
    cut = FrameObserved(
        camera_id="c", session="s", seq=0, observed_at=1, width=1, height=1, boxes=b"\0" * 15, scores=b""
    )
    with pytest.raises(ExportError, match=r"offset 7: .*\.avro"):
        to_json(Logged("offset 7", cut))


def test_a_refusal_of_the_live_shell_is_a_record_of_its_own_place() -> None:
    position = Position(epoch=0, partition=2, offset=9, index=0)
    refused = RecordRefused(camera_id="c1", position=position, reason="UNSIGNED", detail="no signature")
    assert read_json("", to_json(Logged("", refused, position))) == Logged("", refused, position)


def test_avro_values_of_a_newer_writer_are_read_without_what_is_not_known() -> None:
    values = FRAME | {"boxes": packed([[1, 2, 3, 4]]), "scores": packed([0.9]), "weather": "rain"}
    logged = read_fields("record 1", "aforo.FrameObserved", values)
    assert isinstance(logged, Logged)
    assert logged.record == record()
