"""Sites, their versions, shifts and exceptions: the API's own tables, and the calendar of a site's time zone.

Each change is one statement that writes a version and makes it the one in force, or does nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from graphql_api.sql.rows import first, rows

_SITE = "site_id, name, time_zone, revision"
_EXCLUSION_VIOLATION = "23P01"

_CREATE = f"""
WITH created AS (
  INSERT INTO sites (site_id, name, time_zone) VALUES (:site_id, :name, :time_zone) ON CONFLICT DO NOTHING RETURNING *
), version AS (
  INSERT INTO site_versions (site_id, revision, name, time_zone, shifts_revision, changed_by)
  SELECT site_id, revision, name, time_zone, shifts_revision, :changed_by FROM created
)
SELECT {_SITE} FROM created
"""  # noqa: S608 - only names written in this module are put together; values are parameters

_UPDATE = f"""
WITH changed AS (
  UPDATE sites SET name = coalesce(:name, name), time_zone = coalesce(:time_zone, time_zone), revision = revision + 1
  WHERE site_id = :site_id RETURNING *
), version AS (
  INSERT INTO site_versions (site_id, revision, name, time_zone, shifts_revision, changed_by)
  SELECT site_id, revision, name, time_zone, shifts_revision, :changed_by FROM changed
)
SELECT {_SITE} FROM changed
"""  # noqa: S608 - the same

_DEFINE_SHIFTS = f"""
WITH changed AS (
  UPDATE sites SET revision = revision + 1, shifts_revision = revision + 1
  WHERE site_id = :site_id AND coalesce(revision = :if_revision, true) RETURNING *
), version AS (
  INSERT INTO site_versions (site_id, revision, name, time_zone, shifts_revision, changed_by)
  SELECT site_id, revision, name, time_zone, shifts_revision, :changed_by FROM changed
), weekly AS (
  INSERT INTO shifts (site_id, revision, shift_no, weekday, start_local, end_local, valid_from, valid_to)
  SELECT site_id, revision, shift.* FROM changed CROSS JOIN jsonb_to_recordset(CAST(:shifts AS jsonb)) AS shift (
    no int, weekday int, start_local time, end_local time, valid_from date, valid_to date)
), excepted AS (
  INSERT INTO shift_exceptions (site_id, revision, exception_no, date, start_local, end_local)
  SELECT site_id, revision, exception.* FROM changed CROSS JOIN jsonb_to_recordset(CAST(:exceptions AS jsonb))
    AS exception (no int, date date, start_local time, end_local time)
)
SELECT {_SITE} FROM changed
"""  # noqa: S608 - the same

# Hours begin whenever the clock comes to a full hour or is set past one: also where an offset changes by half an hour.
# Offsets are multiples of a quarter of an hour. Longer units begin at the first moment of their first day.
_HOURS = """
SELECT moment AS t FROM generate_series(
  date_trunc('hour', CAST(:start AS timestamptz)), CAST(:stop AS timestamptz) - interval '1 minute', interval '15 minutes'
) AS moment
WHERE moment > :start AND (extract(minute FROM moment AT TIME ZONE :zone) = 0
  OR date_trunc('hour', moment AT TIME ZONE :zone)
     <> date_trunc('hour', (moment - interval '15 minutes') AT TIME ZONE :zone))
ORDER BY 1
"""
_LONGER = """
SELECT t FROM generate_series(
  date_trunc(:unit, CAST(:start AS timestamptz) AT TIME ZONE :zone), (CAST(:stop AS timestamptz) + interval '1 day') AT TIME ZONE :zone,
  CAST('1 ' || :unit AS interval)
) AS shown CROSS JOIN LATERAL clock_moment(shown, :zone) AS t
WHERE t > :start AND t < :stop ORDER BY 1
"""


class OverlappingShiftsError(Exception):
    """Two shifts or exceptions would have the site scheduled twice; `path` names one of them, such as shifts.1."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftsChange:
    """All shifts and exceptions a site shall have, as rows of their tables, if its revision is still `if_revision`."""

    site_id: str
    shifts: Sequence[Mapping[str, Any]]
    exceptions: Sequence[Mapping[str, Any]]
    if_revision: int | None
    changed_by: str


def all_sites(connection: Connection) -> Sequence[RowMapping]:
    """Every site by id."""
    return rows(connection, f"SELECT {_SITE} FROM sites ORDER BY site_id")  # noqa: S608 - the same


def sites_by_id(connection: Connection, site_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The sites with these ids, in no order."""
    wanted = f"SELECT {_SITE} FROM sites WHERE site_id = ANY(:site_ids)"  # noqa: S608 - the same
    return rows(connection, wanted, site_ids=list(site_ids))


def shifts_of(connection: Connection, site_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The weekly shifts in force of these sites, as they were given."""
    return rows(
        connection,
        """SELECT site_id, weekday, start_local, end_local, valid_from, valid_to
           FROM sites JOIN shifts USING (site_id) WHERE site_id = ANY(:site_ids) AND shifts.revision = shifts_revision
           ORDER BY site_id, shift_no""",
        site_ids=list(site_ids),
    )


def exceptions_of(connection: Connection, site_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The exceptions in force of these sites, as they were given."""
    return rows(
        connection,
        """SELECT site_id, date, start_local, end_local
           FROM sites JOIN shift_exceptions USING (site_id)
           WHERE site_id = ANY(:site_ids) AND shift_exceptions.revision = shifts_revision
           ORDER BY site_id, exception_no""",
        site_ids=list(site_ids),
    )


def known_time_zone(connection: Connection, name: str) -> bool:
    """Whether the database knows a time zone of exactly this name."""
    return bool(rows(connection, "SELECT name FROM pg_timezone_names WHERE name = :name", name=name))


def create_site(
    connection: Connection, site_id: str, name: str, time_zone: str, *, changed_by: str
) -> RowMapping | None:
    """The new site; None when there is one with this id."""
    return first(connection, _CREATE, site_id=site_id, name=name, time_zone=time_zone, changed_by=changed_by)


def update_site(
    connection: Connection, site_id: str, name: str | None, time_zone: str | None, *, changed_by: str
) -> RowMapping | None:
    """The site with what is not None changed; None when there is no such site."""
    return first(connection, _UPDATE, site_id=site_id, name=name, time_zone=time_zone, changed_by=changed_by)


def define_shifts(connection: Connection, change: ShiftsChange) -> RowMapping | None:
    """The site with its new shifts; None when there is no such site or another revision is in force.

    Raises:
        OverlappingShiftsError: nothing was changed.
    """
    try:
        return first(
            connection,
            _DEFINE_SHIFTS,
            site_id=change.site_id,
            shifts=_numbered(change.shifts),
            exceptions=_numbered(change.exceptions),
            if_revision=change.if_revision,
            changed_by=change.changed_by,
        )
    except IntegrityError as error:
        if getattr(error.orig, "pgcode", None) != _EXCLUSION_VIOLATION:
            raise
        told = error.orig.diag  # type: ignore[union-attr]  # psycopg2's own
        raise OverlappingShiftsError(told.message_primary, told.message_detail) from error


def calendar_starts(connection: Connection, unit: str, zone: str, span: tuple[datetime, datetime]) -> list[datetime]:
    """Where hours, days, weeks (from Monday) or months begin on the clock of `zone`, within but not at the edges of `span`."""
    sql = _HOURS if unit == "HOUR" else _LONGER
    found = rows(connection, sql, unit=unit, zone=zone, start=span[0], stop=span[1])
    return [row["t"] for row in found]


def _numbered(given: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([{"no": number, **row} for number, row in enumerate(given)], default=str)
