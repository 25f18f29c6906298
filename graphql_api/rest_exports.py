"""Visits and minutes as files, written while they are read: a page of rows at a time, however many there are.

A page begins behind a row, as in GraphQL, so what is written meanwhile is in the file or not, and never shifts another row. What
fails after the first page cuts the answer off, which clients notice by its missing end.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import RowMapping

from graphql_api.as_of import AsOf
from graphql_api.context import Context, Services
from graphql_api.rest_facts import Filter
from graphql_api.rest_parts import PROBLEMS, CameraIds, Facts, SiteId, Start, Stop, ZoneIds, admitted, span_of
from graphql_api.scalars import format_moment
from graphql_api.sql.minutes import MINUTE_COLUMNS, MINUTES_KEY, MinuteQuery, minutes_page
from graphql_api.sql.visits import VISIT_COLUMNS, VISITS_KEY, visits_page
from graphql_api.time_range import checked
from graphql_api.visits import sql_query

ROWS_AT_ONCE = 1_000
POINTS = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES = {Format.CSV: "text/csv", Format.NDJSON: "application/x-ndjson"}
Key = dict[str, Any] | None
Pages = Callable[[Key], Awaitable[Sequence[RowMapping]]]


@dataclass(frozen=True, slots=True)
class Export:
    """What a file holds: its name, its columns, those that are its key, and its pages."""

    name: str
    columns: Sequence[str]
    key: Sequence[str]
    page: Pages

    async def rows(self) -> AsyncIterator[Sequence[RowMapping]]:
        """Page after page; at least one, which may be empty."""
        page = await self.page(None)
        while True:
            yield page
            if len(page) < ROWS_AT_ONCE:
                return
            page = await self.page({column: page[-1][column] for column in self.key})


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV (RFC 4180); text that a spreadsheet would take for a formula has an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def ndjson_text(rows: Iterable[Mapping[Any, Any]]) -> str:
    """Rows as JSON objects, one a line."""
    return "".join(json.dumps(dict(row), default=_plain, ensure_ascii=False) + "\n" for row in rows)


def exports_router(services: Services) -> APIRouter:
    """The routes under /api/v1/exports."""
    router = APIRouter(prefix="/api/v1/exports", responses=PROBLEMS)
    admit = Depends(admitted(services, POINTS))
    content: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES.values()}
    files: dict[int | str, dict[str, Any]] = {200: {"content": content, "description": "The file."}}
    run = services.database.run

    @router.get("/visits", response_class=StreamingResponse, responses=files)
    async def export_visits(
        *,
        context: Annotated[Context, admit],
        start: Start,
        stop: Stop,
        wanted: Filter,
        as_of: Facts = AsOf.CURRENT,
        format: Format = Format.CSV,  # noqa: A002 - public name
    ) -> StreamingResponse:
        """Visits entered in the range, newest first."""
        del context
        query = sql_query(checked(span_of(start, stop)), wanted, as_of)
        export = Export("visits", VISIT_COLUMNS, VISITS_KEY, lambda key: run(visits_page, query, key, ROWS_AT_ONCE))
        return await _answer(export, format)

    @router.get("/zone-minutes", response_class=StreamingResponse, responses=files)
    async def export_zone_minutes(
        *,
        context: Annotated[Context, admit],
        start: Start,
        stop: Stop,
        site_id: SiteId = None,
        camera_id: CameraIds = None,
        zone_id: ZoneIds = None,
        as_of: Facts = AsOf.CURRENT,
        format: Annotated[Format, Query()] = Format.CSV,  # noqa: A002 - public name
    ) -> StreamingResponse:
        """Final minutes of zones that begin in the range, by camera and time; a row for each revision of the zones."""
        del context
        span = checked(span_of(start, stop))
        query = MinuteQuery(
            start=span.start, stop=span.stop, site_id=site_id, camera_ids=camera_id, zone_ids=zone_id, as_of=as_of
        )

        async def page(key: Key) -> Sequence[RowMapping]:
            return await run(minutes_page, query, key, ROWS_AT_ONCE)

        export = Export("zone-minutes", MINUTE_COLUMNS, MINUTES_KEY, page)
        return await _answer(export, format)

    return router


async def _answer(export: Export, wanted: Format) -> StreamingResponse:
    pages = export.rows()
    first = await anext(pages)  # what is wrong with the request shows before anything is sent
    headers = {"Content-Disposition": f'attachment; filename="{export.name}.{wanted}"'}
    return StreamingResponse(_written(export, first, pages, wanted), headers=headers, media_type=MEDIA_TYPES[wanted])


async def _written(
    export: Export, first: Sequence[RowMapping], rest: AsyncIterator[Sequence[RowMapping]], wanted: Format
) -> AsyncIterator[str]:
    if wanted is Format.CSV:
        yield csv_text([export.columns])
    yield _text(first, wanted)
    async for page in rest:
        yield _text(page, wanted)


def _text(rows: Sequence[RowMapping], wanted: Format) -> str:
    return csv_text(row.values() for row in rows) if wanted is Format.CSV else ndjson_text(rows)


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return format_moment(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _plain(value: object) -> str:
    assert isinstance(value, datetime), "other columns are plain"
    return format_moment(value)
