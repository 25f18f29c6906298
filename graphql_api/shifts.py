"""Shifts and their exceptions as clients give and see them; when exactly a site is scheduled, only the database knows."""

from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any, TypeVar

import strawberry

from graphql_api.described import output, payload
from graphql_api.user_errors import UserError

T = TypeVar("T")
_SUNDAY = 7


@output
class Shift:
    """A time of each week in which a site is to be watched, on the clock of its time zone."""

    weekday: int = strawberry.field(description="On which it begins: 1 is Monday, 7 Sunday.")
    start: time
    end: time = strawberry.field(description="At or before `start`: on the next day.")
    valid_from: date | None = strawberry.field(description="The first date on which it begins; null: since ever.")
    valid_to: date | None = strawberry.field(description="The last date on which it begins; null: for ever.")


@output
class ShiftException:
    """What holds in place of all shifts that would begin on a date: other hours, or none."""

    date: date
    start: time | None = strawberry.field(description="Null: closed.")
    end: time | None = strawberry.field(description="At or before `start`: on the next day.")


@payload
class ShiftInput:
    """A time of each week in which a site is to be watched, on the clock of its time zone."""

    weekday: int = strawberry.field(description="On which it begins: 1 is Monday, 7 Sunday.")
    start: time
    end: time = strawberry.field(description="At or before `start`: on the next day.")
    valid_from: date | None = None
    valid_to: date | None = strawberry.field(default=None, description="The last date on which it begins.")


@payload
class ShiftExceptionInput:
    """Other hours in place of all shifts that would begin on a date; without hours the site is closed."""

    date: date
    start: time | None = None
    end: time | None = None


@payload
class ShiftsDefineInput:
    """All shifts and exceptions a site shall have, from its past on; without shifts it is always to be watched."""

    site_id: strawberry.ID
    shifts: list[ShiftInput]
    exceptions: list[ShiftExceptionInput] = strawberry.field(default_factory=list)


def shown(kind: type[T], row: Mapping[Any, Any]) -> T:
    """The row of a shift or exception as an object."""
    names = {"start_local": "start", "end_local": "end"}
    return kind(**{names.get(name, name): value for name, value in row.items() if name != "site_id"})


def stored(given: ShiftInput | ShiftExceptionInput) -> dict[str, Any]:
    """The row of a shift or exception."""
    names = {"start": "start_local", "end": "end_local"}
    return {names.get(name, name): value for name, value in vars(given).items()}


def faults(wanted: ShiftsDefineInput) -> list[UserError]:
    """What is wrong with single shifts and exceptions; whether they overlap, the database sees."""
    return [*_faults_of_shifts(wanted.shifts), *_faults_of_exceptions(wanted.exceptions)]


def _faults_of_shifts(shifts: list[ShiftInput]) -> Iterator[UserError]:
    for number, shift in enumerate(shifts):
        path = ["input", "shifts", str(number)]
        if not 1 <= shift.weekday <= _SUNDAY:
            yield UserError(code="INVALID", message="A weekday is 1 (Monday) to 7 (Sunday).", field=[*path, "weekday"])
        if shift.valid_from and shift.valid_to and shift.valid_to < shift.valid_from:
            yield UserError(code="INVALID", message="`validTo` is before `validFrom`.", field=[*path, "validTo"])


def _faults_of_exceptions(exceptions: list[ShiftExceptionInput]) -> Iterator[UserError]:
    for number, exception in enumerate(exceptions):
        if (exception.start is None) != (exception.end is None):
            message = "Give both `start` and `end`, or neither for a closed day."
            yield UserError(code="INVALID", message=message, field=["input", "exceptions", str(number)])
