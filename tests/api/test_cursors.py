"""Cursors of event streams: opaque, exact, and of no other stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.cursors import BEGINNING, EARLIEST, Stream, StreamChangedError, place_of
from graphql_api.errors import CursorInvalidError
from graphql_api.pagination import decode_cursor, encode_cursor
from schemas.events import Position

STREAM = Stream("zoneVisits", 0, "f")
PLACES = {0: (5, 1), 1: BEGINNING}

place = st.tuples(st.integers(-1, 2**63 - 1), st.integers(-1, 2**31))


@given(st.lists(place, min_size=1, max_size=8))
def test_a_cursor_says_where_its_reader_was_in_each_partition(places: list[tuple[int, int]]) -> None:
    numbered = dict(enumerate(places))
    assert STREAM.places(STREAM.cursor(numbered), len(places)) == numbered


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_is_refused_by_name(text: str) -> None:
    if text != EARLIEST:
        with pytest.raises(CursorInvalidError):
            STREAM.places(text, 2)


@pytest.mark.parametrize("other", [Stream("cameraEvents", 0, "f"), Stream("zoneVisits", 0, "g")])
def test_a_cursor_of_another_stream_or_filter_is_invalid(other: Stream) -> None:
    with pytest.raises(CursorInvalidError):
        STREAM.places(other.cursor(PLACES), 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: [2, *parts[1:]],
        lambda parts: [parts[0], parts[1], [9, *parts[2][1:]], parts[3]],
        lambda parts: [parts[0], parts[1], parts[2][:-1], parts[3]],
        lambda parts: [parts[0], parts[1], ["5", *parts[2][1:]], parts[3]],
        lambda parts: [parts[0], parts[1], [True, *parts[2][1:]], parts[3]],
        lambda parts: [parts[0], parts[1] + 1, parts[2], parts[3]],
        lambda parts: parts[:-1],
    ],
)
def test_a_changed_cursor_is_invalid(change: object) -> None:
    assert callable(change)
    with pytest.raises(CursorInvalidError):
        STREAM.places(encode_cursor(change(decode_cursor(STREAM.cursor(PLACES)))), 2)


def test_earliest_is_before_everything_in_each_partition() -> None:
    assert STREAM.places(EARLIEST, 2) == {0: BEGINNING, 1: BEGINNING}


@pytest.mark.parametrize(("epoch", "partitions"), [(1, 2), (0, 3)])
def test_a_cursor_of_an_earlier_generation_says_so(epoch: int, partitions: int) -> None:
    with pytest.raises(StreamChangedError):
        Stream("zoneVisits", epoch, "f").places(STREAM.cursor(PLACES), partitions)


def test_places_grow_over_epochs_of_the_log() -> None:
    last = Position(epoch=0, partition=0, offset=2**40, index=7)
    assert place_of(last) < place_of(Position(epoch=1, partition=0, offset=2**40 + 1, index=0))
