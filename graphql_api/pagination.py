"""Keyset connections: a page is what follows a row's own key, so inserts and deletes never shift it.

A cursor holds that key, in base64url, and the name of the list it belongs to. Nothing here knows SQL.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import strawberry

from graphql_api.described import output
from graphql_api.errors import BadInputError, CursorInvalidError

DEFAULT_FIRST = 50
MAX_FIRST = 200
MAX_BIGINT = 2**63 - 1
T = TypeVar("T")


class Row(Protocol):
    """Anything with values by column name."""

    def __getitem__(self, column: str, /) -> Any:
        """The value of a column."""
        ...


@output
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One item of a page with the cursor that continues after it.")
class Edge(Generic[T]):
    """One item of a page with the cursor that continues after it."""

    cursor: str
    node: T


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """One page of a list."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


class Keyset:
    """The order of one list: its name and the columns, unique together, whose values make a cursor."""

    def __init__(self, name: str, /, **columns: type) -> None:
        self.name = name
        self.columns = columns

    def cursor(self, row: Row) -> str:
        """The cursor that continues after `row`."""
        values = [row[column] for column in self.columns]
        return encode_cursor([self.name, *(v.isoformat() if isinstance(v, datetime) else v for v in values)])

    def after(self, cursor: str | None) -> dict[str, Any] | None:
        """The key in `cursor` by column; None without a cursor.

        Raises:
            CursorInvalidError: it was not made by this list.
        """
        if cursor is None:
            return None
        match decode_cursor(cursor):
            case [self.name, *values] if len(values) == len(self.columns):
                pairs = zip(self.columns.items(), values, strict=True)
                return {column: _restored(kind, value) for (column, kind), value in pairs}
        raise CursorInvalidError(f"The cursor is not one of {self.name}. Start over without `after`.")

    def page(self, rows: Sequence[Row], nodes: Sequence[T], first: int, after: str | None) -> Connection[T]:
        """A page of the first `first` of `nodes`; one row more than that says that there is another page."""
        edges = [Edge(cursor=self.cursor(row), node=node) for row, node in zip(rows[:first], nodes, strict=False)]
        return Connection(
            edges=edges,
            nodes=[edge.node for edge in edges],
            page_info=PageInfo(
                has_next_page=len(rows) > first,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )


def checked_first(first: int) -> int:
    """`first` when it is a page size.

    Raises:
        BadInputError: it is below 1 or above `MAX_FIRST`.
    """
    if not 1 <= first <= MAX_FIRST:
        raise BadInputError(f"`first` must be 1 to {MAX_FIRST}, not {first}.")
    return first


def encode_cursor(value: object) -> str:
    """Opaque text for `value`, which JSON can hold."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Any:
    """What `encode_cursor` was given.

    Raises:
        CursorInvalidError: it gave no such text.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _not_ours() from error


def _restored(kind: type, value: Any) -> Any:
    if kind is datetime:
        return _moment(value)
    if type(value) is not kind or (isinstance(value, int) and abs(value) > MAX_BIGINT):
        raise _not_ours()
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _not_ours() from error
    if moment.tzinfo is None:
        raise _not_ours()
    return moment


def _not_ours() -> CursorInvalidError:
    return CursorInvalidError("The cursor is not one of ours. Start over without `after`.")
