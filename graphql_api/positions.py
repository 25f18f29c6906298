"""Reading what one has written: a mutation tells the position of its answer, and a read waits until the database has it.

A position names a camera and a place in its log. Positions of other cameras are not comparable, so a client sends those it
cares about, in the header `X-Min-Position`.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import HTTPConnection
from strawberry.extensions import SchemaExtension

from graphql_api.database import ReadModel
from graphql_api.errors import BadInputError, CursorInvalidError, PositionNotReachedError
from graphql_api.pagination import MAX_BIGINT, decode_cursor, encode_cursor
from graphql_api.sql.commands import projected
from schemas.events import Position

HEADER = "x-min-position"
PATIENCE_S = 2.0
_POLL_S = 0.02
_NAME = "position"
_MAX_POSITIONS = 20


def position_token(camera_id: str, position: Position) -> str:
    """Opaque text for a place in a camera's log."""
    return encode_cursor([_NAME, camera_id, position.epoch, position.offset, position.index])


def parsed(token: str) -> tuple[str, int, int]:
    """Camera, seq and index of a place in its log, as the database counts them.

    Raises:
        BadInputError: it is no position.
    """
    try:
        found = decode_cursor(token)
    except CursorInvalidError:
        found = None
    match found:
        case [str(name), str(camera_id), int(epoch), int(offset), int(index)] if name == _NAME:
            seq = (epoch << 48) + offset
            if 0 <= seq <= MAX_BIGINT and 0 <= index < 1 << 31 and "\0" not in camera_id:
                return camera_id, seq, index
    raise BadInputError(
        "X-Min-Position holds no position. Send what a mutation answered in `position`, or leave it out."
    )


async def wait_for(database: ReadModel, request: HTTPConnection | None, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the database holds everything up to the positions that the request names.

    Raises:
        BadInputError: they cannot be read.
        PositionNotReachedError: it does not within `patience_s`.
    """
    tokens = [] if request is None else [token.strip() for token in request.headers.get(HEADER, "").split(",")]
    wanted = [parsed(token) for token in tokens if token]
    if len(wanted) > _MAX_POSITIONS:
        raise BadInputError(
            f"X-Min-Position names more than {_MAX_POSITIONS} positions. Send the newest of each camera."
        )
    try:
        async with asyncio.timeout(patience_s):
            for position in wanted:
                while not await database.run(projected, *position):  # noqa: ASYNC110 - other processes fill the database
                    await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        message = f"The database has not caught up with X-Min-Position within {patience_s:g} s. Try again later."
        raise PositionNotReachedError(message) from error


class MinPosition(SchemaExtension):
    """Lets queries over HTTP wait for the positions their request names."""

    async def on_execute(self) -> AsyncIterator[None]:
        """Before anything is read."""
        context = self.execution_context.context
        await wait_for(context.services.database, context.request)
        yield
