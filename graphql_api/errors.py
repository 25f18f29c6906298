"""Errors of the API by what the caller should do next; each has a code that clients may rely on.

ApiError
├── BadInputError              mend the request
│   ├── RangeError             BAD_RANGE: the range is empty or too long
│   ├── TooManyBucketsError    TOO_MANY_BUCKETS: take the bucket that is suggested
│   ├── CursorInvalidError     CURSOR_INVALID: start over without the cursor
│   └── CursorExpiredError     CURSOR_EXPIRED: read what was missed by query, then subscribe anew
├── UnauthenticatedError       UNAUTHENTICATED: sign in, or send a key that holds
├── ForbiddenError             FORBIDDEN: ask for a grant
├── TooManyAttemptsError       TOO_MANY_ATTEMPTS: wait, then sign in
├── NotFoundError              NOT_FOUND
├── QueryTimeoutError          QUERY_TIMEOUT: ask for less
├── ThrottledError             THROTTLED: wait for as long as it says
├── PositionNotReachedError    POSITION_NOT_REACHED: the same request may succeed later
└── ServiceUnavailableError    SERVICE_UNAVAILABLE: the same request may succeed later
"""

from typing import ClassVar


class ApiError(Exception):
    """What went wrong in words for people, with a stable code and the HTTP status that fits."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.extensions: dict[str, object] = {"code": self.code} | details


class BadInputError(ApiError):
    """The request cannot be answered as it stands."""

    code = "BAD_INPUT"
    status = 400


class RangeError(BadInputError):
    """A time range is empty, reversed or too long."""

    code = "BAD_RANGE"


class TooManyBucketsError(BadInputError):
    """A series would have more buckets than the limit."""

    code = "TOO_MANY_BUCKETS"


class CursorInvalidError(BadInputError):
    """A cursor was not made by this field, or was changed."""

    code = "CURSOR_INVALID"


class CursorExpiredError(BadInputError):
    """A stream no longer holds what follows the cursor."""

    code = "CURSOR_EXPIRED"
    status = 410


class UnauthenticatedError(ApiError):
    """Nobody is known to be asking."""

    code = "UNAUTHENTICATED"
    status = 401


class ForbiddenError(ApiError):
    """Who asks is known and may not do this."""

    code = "FORBIDDEN"
    status = 403


class TooManyAttemptsError(ApiError):
    """Too many attempts to sign in failed."""

    code = "TOO_MANY_ATTEMPTS"
    status = 429


class NotFoundError(ApiError):
    """Nothing has that id."""

    code = "NOT_FOUND"
    status = 404


class QueryTimeoutError(ApiError):
    """The database ended the query at its time limit."""

    code = "QUERY_TIMEOUT"
    status = 503


class ThrottledError(ApiError):
    """The caller asked for too much in a short time."""

    code = "THROTTLED"
    status = 429


class PositionNotReachedError(ApiError):
    """The database does not hold yet what the caller wants to read."""

    code = "POSITION_NOT_REACHED"
    status = 503


class ServiceUnavailableError(ApiError):
    """A part the answer needs is away; the same request may succeed later."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
