"""Log files: lines and containers, whole and broken."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given

from schemas.events import FrameObserved, Position, RecordRefused
from schemas.wire import schema_text
from stream_processors.replay import reading
from stream_processors.replay.containers import write_container
from stream_processors.replay.errors import InputError
from stream_processors.replay.lines import Logged, NotARecord, to_json
from stream_processors.replay.reading import read
from tests.domain.walks import START, frame, logs

FRAMES = [frame(seq, START + 100 * seq, [(1, 2, 30, 40)]) for seq in range(300)]


def container(log: list[Logged]) -> bytes:
    file = io.BytesIO()
    write_container(file, log)
    return file.getvalue()


def shipped_container(frames: list[FrameObserved], name: str = "FrameObserved") -> bytes:
    """As somebody else would write it: the shipped schema, logical types and all, nothing about the place in the log."""
    file = io.BytesIO()
    values = [{name: getattr(each, name) for name in each.__struct_fields__} for each in frames]
    fastavro.writer(file, json.loads(schema_text("FrameObserved")) | {"name": name}, values)
    return file.getvalue()


def records(log: bytes) -> list[Any]:
    return [each.record if isinstance(each, Logged) else each for each in read(io.BytesIO(log))]


def test_lines_are_numbered_as_in_an_editor_and_empty_ones_passed_over() -> None:
    line = to_json(Logged("", FRAMES[0]))
    found = list(read(io.BytesIO(b"\n" + line + b" \r\nno record\n" + line.rstrip())))
    assert [each.place for each in found] == ["line 2", "line 4", "line 5"]
    assert [type(each) for each in found] == [Logged, NotARecord, Logged]


def test_an_empty_file_has_no_records() -> None:
    assert records(b"") == []


def test_a_file_that_is_one_long_line_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 1_000)
    line = to_json(Logged("", FRAMES[0]))
    with pytest.raises(InputError, match="line 2 is longer"):
        records(line + b"[" + line.rstrip() * 10)


@given(log=logs())
def test_a_container_reads_back_as_it_was_with_every_place(log: list[Any]) -> None:
    entries = [
        Logged(f"record {number}", each, Position(epoch=1, partition=2, offset=number, index=0), None, number)
        for number, each in enumerate(log, 1)
    ]
    assert list(read(io.BytesIO(container(entries)))) == entries


def test_a_container_holds_refusals_and_boxes_that_json_cannot() -> None:
    position = Position(epoch=0, partition=0, offset=1, index=0)
    refused = RecordRefused(camera_id="c1", position=position, reason="UNSIGNED")
    odd = frame(1, START, boxes=b"\0" * 15)
    assert records(container([Logged("", refused, position), Logged("", odd)])) == [refused, odd]


def test_a_container_of_one_shipped_schema_is_read_though_its_times_are_logical() -> None:
    assert records(shipped_container(FRAMES)) == FRAMES


def test_a_record_of_another_kind_in_a_container_is_none_of_a_log() -> None:
    (first, *_) = records(shipped_container(FRAMES, name="FrameSeen"))
    assert isinstance(first, NotARecord)
    assert "FrameSeen" in first.reason
    assert first.place == "record 1"


def test_a_container_of_no_record_is_none_of_a_log() -> None:
    file = io.BytesIO()
    fastavro.writer(file, "string", ["hello"])
    (first,) = records(file.getvalue())
    assert isinstance(first, NotARecord)


@pytest.mark.parametrize("cut", [5, 100, 3_000, -1, -20])
def test_a_container_that_was_cut_says_how_far_it_is_sound(cut: int) -> None:
    whole = shipped_container(FRAMES)
    with pytest.raises(InputError, match=r"damaged after record \d+: .*export it again"):
        records(whole[:cut])


def test_a_container_of_an_unknown_codec_is_an_input_error() -> None:
    whole = shipped_container(FRAMES[:1])
    with pytest.raises(InputError, match="damaged"):
        records(whole.replace(b"\x08null", b"\x08abcd"))
