"""Sites with shifts, written by hand."""

from typing import Any

from sqlalchemy import Connection

from tests.api.tables import insert
from tests.calendar_oracle import Excepted, Weekly


def site(
    connection: Connection, site_id: str, zone: str, shifts: list[Weekly], exceptions: list[Excepted] | None = None
) -> None:
    """A site in its first version."""
    own: dict[str, Any] = {"site_id": site_id, "revision": 1}
    named = own | {"name": site_id.title(), "time_zone": zone, "shifts_revision": 1}
    insert(connection, "sites", [named])
    insert(connection, "site_versions", [named | {"changed_by": "test"}])
    for number, shift in enumerate(shifts):
        hours = {"weekday": shift.weekday, "start_local": shift.start, "end_local": shift.end}
        valid = {"valid_from": shift.valid_from, "valid_to": shift.valid_to}
        insert(connection, "shifts", [own | {"shift_no": number} | hours | valid])
    for number, exception in enumerate(exceptions or []):
        hours = {"date": exception.date, "start_local": exception.start, "end_local": exception.end}
        insert(connection, "shift_exceptions", [own | {"exception_no": number} | hours])
