"""A snapshot anywhere changes nothing, bit for bit; one that cannot be read says so."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.events import CameraSnapshot, LogRecord, Output, Position, ZoneMinuteMeasured
from schemas.wire import from_avro, to_avro
from stream_processors.domain.camera import FOLD_VERSION, CameraState
from stream_processors.runtime.snapshots import FORMAT, UnusableSnapshotError, dump, load
from tests.domain import walks
from tests.domain.walks import (
    CAMERA,
    DESK,
    MINUTE,
    START,
    define,
    entries,
    every,
    film,
    fold,
    frame,
    of,
    standing,
    vertical,
    walking,
)

DATA = Path(__file__).parent / "data"
NEXT = Position(epoch=1, partition=3, offset=77, index=0)


def through_bytes(state: CameraState) -> CameraState:
    snapshot = from_avro("CameraSnapshot", to_avro(dump(state, NEXT)))
    assert isinstance(snapshot, CameraSnapshot)
    return load(snapshot)


@settings(max_examples=20)
@given(walks.logs(), st.data())
def test_a_fold_resumed_from_any_snapshots_publishes_the_same_bytes(
    records: list[LogRecord], data: st.DataObject
) -> None:
    log = entries(records)
    state, straight = fold(log)
    stops = sorted(data.draw(st.sets(st.integers(0, len(log)), max_size=4)) | {0, len(log)})
    resumed, pieces = CameraState(CAMERA), list[Output]()
    for start, stop in pairwise(stops):
        resumed, outputs = fold(log[start:stop], through_bytes(resumed))
        pieces += outputs
    assert [to_avro(each) for each in pieces] == [to_avro(each) for each in straight]
    assert dump(resumed, NEXT) == dump(state, NEXT)


@settings(max_examples=15)
@given(walks.logs())
def test_a_snapshot_read_and_written_again_is_the_same_snapshot(records: list[LogRecord]) -> None:
    state, _ = fold(entries(records))
    assert dump(through_bytes(state), NEXT) == dump(state, NEXT)


def a_snapshot() -> CameraSnapshot:
    state, _ = fold(entries([define(DESK), *film(every(100, START, START + 3_000), standing(0.5, 0.5))]))
    return dump(state, NEXT)


def test_a_snapshot_of_the_first_format_goes_on_as_if_it_were_new() -> None:
    """The file was written by the code of release 1, after 121 records of this log: one visit is over, another goes on."""
    passing = walking((START, 0.0, 0.5), (START + 10_000, 1.0, 0.5))
    people = passing, standing(0.5, 0.875), standing(0.625, 0.375)
    frames = film(every(100, START, START + 20_000), *people)
    log = entries([define(DESK, vertical("door", 0.5), command_id="k1"), *frames, frame(9_999, START + 2 * MINUTE)])
    written = from_avro("CameraSnapshot", (DATA / "snapshot-format-1.avro").read_bytes())
    assert isinstance(written, CameraSnapshot)
    assert written.format == 1
    state, _ = fold(log[:121])
    assert dump(load(written), NEXT) == dump(state, NEXT)
    after = fold(log[121:], load(written))[1]
    assert after == fold(log[121:], state)[1]
    assert [(each.visits_closed, each.person_ms) for each in of(after, ZoneMinuteMeasured)] == [(2, 25_000)]


def test_a_snapshot_says_where_the_log_goes_on() -> None:
    snapshot = a_snapshot()
    assert (snapshot.camera_id, snapshot.watermark) == (CAMERA, START + 3_000)
    assert (snapshot.epoch, snapshot.partition, snapshot.next_offset) == (1, 3, 77)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"format": FORMAT + 1}, "newer"),
        ({"fold_version": FOLD_VERSION + 1}, "newer"),
        ({"format": 0}, "older"),
        ({"fold_version": FOLD_VERSION - 1}, "older"),
        ({"state": b""}, "damaged"),
        ({"state": b"\x00\xff"}, "damaged"),
    ],
)
def test_a_snapshot_that_cannot_be_read_says_why(change: dict[str, object], advice: str) -> None:
    with pytest.raises(UnusableSnapshotError, match=advice):
        load(replace(a_snapshot(), **change))


def test_a_snapshot_cut_short_anywhere_is_named_damaged() -> None:
    snapshot = a_snapshot()
    for length in range(0, len(snapshot.state), 37):
        with pytest.raises(UnusableSnapshotError, match="damaged"):
            load(replace(snapshot, state=snapshot.state[:length]))


@settings(max_examples=60)
@given(st.data())
def test_a_byte_changed_anywhere_never_escapes_as_another_error(data: st.DataObject) -> None:
    snapshot = a_snapshot()
    raw = bytearray(snapshot.state)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        load(replace(snapshot, state=bytes(raw)))
    except UnusableSnapshotError as error:
        assert CAMERA in str(error)  # noqa: PT017 - most changes are harmless numbers; only the kind of error matters


def test_arrays_come_back_with_their_type_and_shape() -> None:
    state, _ = fold(entries([define(DESK), *film(every(100, START, START + 3_000), standing(0.5, 0.5))]))
    seen, again = state.zones.visits, through_bytes(state).zones.visits
    for before, after in ((seen.anchors, again.anchors), (seen.inside, again.inside), (seen.deadline, again.deadline)):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
