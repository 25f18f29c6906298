"""What the REST routes share: parameters and problems, and the way in, where a request is paid for and waits for its position."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from math import ceil
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import AwareDatetime

from graphql_api.access.principal import NOBODY
from graphql_api.as_of import AsOf
from graphql_api.context import Context, Services
from graphql_api.errors import RangeError, ThrottledError
from graphql_api.limits.caller import caller_of
from graphql_api.pagination import Connection
from graphql_api.positions import wait_for
from graphql_api.time_range import TimeRange

PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning} | PROBLEM
    for status, meaning in {
        400: "The request cannot be answered as it stands.",
        404: "There is nothing of that name.",
        422: "The parameters cannot be read.",
        429: "Too much was asked for in a short time.",
        503: "A part is away, or has not caught up; try again later.",
    }.items()
}

Start = Annotated[AwareDatetime, Query(alias="from", description="Beginning, with a UTC offset.")]
Stop = Annotated[AwareDatetime, Query(alias="to", description="End, itself not part of it.")]
SiteId = Annotated[str | None, Query(description="All cameras of this site.")]
CameraIds = Annotated[list[str] | None, Query(description="These cameras.")]
ZoneIds = Annotated[list[str] | None, Query(description="These zones.")]
First = Annotated[int, Query(description="How many at most: 1 to 200.")]
After = Annotated[str | None, Query(description="What the answer before said in the field of this name.")]
Facts = Annotated[AsOf, Query(description="LIVE: as measured, before any correction.")]


def span_of(start: datetime, stop: datetime) -> TimeRange:
    """The range of two parameters, in UTC.

    Raises:
        RangeError: a moment lies outside the years 1 to 9999 there.
    """
    try:
        return TimeRange(start=start.astimezone(UTC), stop=stop.astimezone(UTC))
    except OverflowError as error:
        raise RangeError("A moment of the range lies outside the years 1 to 9999 in UTC.") from error


def next_page(page: Connection[Any]) -> str | None:
    """The cursor of the page after this one; None when it is the last."""
    return page.page_info.end_cursor if page.page_info.has_next_page else None


def admitted(services: Services, points: int) -> Callable[[Request], Awaitable[Context]]:
    """A dependency that lets a request in, which costs `points`, and gives what its resolvers would be given in GraphQL.

    Raises:
        ThrottledError: the caller has not so many points left.
        PositionNotReachedError: the database has not caught up with the request's `X-Min-Position`.
    """

    async def admit(request: Request) -> Context:
        context = Context(services, getattr(request.state, "principal", NOBODY))
        if wait_s := services.budgets.spend(caller_of(context.principal, request), points):
            message = f"Too much was asked for in a short time. Try again in {ceil(wait_s)} s."
            raise ThrottledError(message, retry_after_s=ceil(wait_s))
        await wait_for(services.database, request)
        return context

    return admit
