"""Keyset cursors and pages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadInputError, CursorInvalidError
from graphql_api.pagination import MAX_BIGINT, Keyset, checked_first, decode_cursor, encode_cursor

KEYS = Keyset("things", at=datetime, name=str, number=int)
rows = st.fixed_dictionaries(
    {
        "at": st.datetimes(timezones=st.just(UTC)),
        "name": st.text(),
        "number": st.integers(-MAX_BIGINT, MAX_BIGINT),
    }
)


@given(rows)
def test_a_cursor_gives_back_the_key_of_its_row(row: dict[str, Any]) -> None:
    assert KEYS.after(KEYS.cursor(row)) == row


@given(rows)
def test_a_cursor_of_another_list_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(CursorInvalidError):
        Keyset("others", at=datetime, name=str, number=int).after(KEYS.cursor(row))


@given(st.text())
def test_any_text_is_a_cursor_or_is_refused_by_name(text: str) -> None:
    with pytest.raises(CursorInvalidError):
        KEYS.after(text)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=6)


@given(st.lists(json_values, max_size=4))
def test_a_cursor_with_values_that_are_no_key_is_refused(values: list[Any]) -> None:
    with pytest.raises(CursorInvalidError):
        KEYS.after(encode_cursor(["things", *values]))


def test_a_cursor_with_a_naive_moment_is_refused() -> None:
    with pytest.raises(CursorInvalidError):
        KEYS.after(encode_cursor(["things", "2026-01-01T00:00:00", "a", 1]))


def test_a_cursor_nested_without_end_is_refused() -> None:
    with pytest.raises(CursorInvalidError):
        decode_cursor(encode_cursor("x").replace("IngiI", "") + "W1tb" * 20_000)


def test_a_page_knows_whether_another_follows() -> None:
    found = [{"at": datetime(2026, 1, 1, tzinfo=UTC), "name": name, "number": 1} for name in "abc"]
    page = KEYS.page(found, ["a", "b", "c"], 2, None)
    assert page.nodes == ["a", "b"]
    assert page.page_info.has_next_page
    assert not page.page_info.has_previous_page
    assert KEYS.after(page.page_info.end_cursor) == found[1]
    last = KEYS.page(found[:2], ["a", "b"], 2, page.page_info.end_cursor)
    assert not last.page_info.has_next_page
    assert last.page_info.has_previous_page


@pytest.mark.parametrize("first", [0, -1, 201])
def test_a_page_size_out_of_bounds_is_refused(first: int) -> None:
    with pytest.raises(BadInputError, match="1 to 200"):
        checked_first(first)
