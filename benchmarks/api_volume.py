"""Fills an empty, migrated database with a site of any size, as the projector would have: for `benchmarks.api_queries`.

Rows are made by the database itself. Figures repeat by the hour and are of no meaning; their number and spread are.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

SITE = """
INSERT INTO cameras (camera_id, site_id, seq) SELECT 'camera-' || n, 'default', 1 FROM generate_series(1, :cameras) AS n;
INSERT INTO zones (camera_id, zone_id, zones_revision, name, kind, polygon, anchor, min_stay_ms, grace_ms, capacity, valid_from)
  SELECT camera_id, 'zone-' || n, 1, 'Zone ' || n, (ARRAY['WORK', 'REST', 'QUEUE'])[1 + n % 3], '[[0,0],[1,0],[1,1]]',
    'FOOT', 500, 2000, n, '2025-01-01Z' FROM cameras CROSS JOIN generate_series(1, :zones) AS n
"""
MINUTES = """
INSERT INTO zone_minutes SELECT camera_id, zone_id, minute, 1, 0, kind, capacity, 90000, 60000, 45000, 60000, 600, 3,
    1, 1, 0, 0, 1, 30000, 30000, 0, 0, 1, 0, 0, 1, 0
  FROM zones CROSS JOIN generate_series(
    CAST(:stop AS timestamptz) - (:days - :done) * interval '1 day',
    CAST(:stop AS timestamptz) - (:days - :done - 1) * interval '1 day' - interval '1 minute', interval '1 minute') AS minute
"""
HOURS = """
INSERT INTO zone_hours SELECT camera_id, zone_id, hour, 1, 0, kind, capacity, 60, 5400000, 3600000, 2700000, 3600000, 36000, 3,
    60, 60, 0, 0, 60, 1800000, 30000, 0, 0, 60, 0, 0
  FROM zones CROSS JOIN generate_series(
    CAST(:stop AS timestamptz) - :days * interval '1 day', CAST(:stop AS timestamptz) - interval '1 hour', interval '1 hour') AS hour
"""
# A track of two minutes for each person, one after the other, within the month that positions are kept.
TRACKS = """
INSERT INTO tracks SELECT camera_id, 1 + 1000 * person + (extract(epoch FROM began) * 1000)::bigint, began, 0,
    began + interval '119 seconds', began + interval '119 seconds', 'TIMEOUT', 1200, 1, 0
  FROM cameras CROSS JOIN generate_series(1, :people) AS person CROSS JOIN generate_series(
    CAST(:stop AS timestamptz) - (:days - :done) * interval '1 day',
    CAST(:stop AS timestamptz) - (:days - :done - 1) * interval '1 day' - interval '2 minutes', interval '2 minutes') AS began
"""
POSITIONS = """
INSERT INTO track_positions SELECT camera_id, track_no, started_at + n * interval '1 second', 0, 0, (track_no * 7 + n * 53) % 10000,
    (track_no * 3 + n * 31) % 10000, 60, 160, 90
  FROM tracks CROSS JOIN generate_series(0, 119) AS n
  WHERE started_at >= CAST(:stop AS timestamptz) - (:days - :done) * interval '1 day'
    AND started_at < CAST(:stop AS timestamptz) - (:days - :done - 1) * interval '1 day'
"""


@dataclass(frozen=True, slots=True)
class Volume:
    """How much there shall be: cameras with zones each, days of minutes up to `stop`, and people followed on the last days."""

    cameras: int
    zones: int
    days: int
    position_days: int
    people: int
    stop: str

    @property
    def minutes(self) -> int:
        """How many zone minutes that makes."""
        return self.cameras * self.zones * self.days * 1440

    @property
    def positions(self) -> int:
        """How many positions that makes."""
        return self.cameras * self.people * self.position_days * 86_400


def fill(connection: Connection, volume: Volume, progress: Callable[[str], None]) -> None:
    """Write all of it, a day at a time; the connection commits each statement."""
    shape = {"cameras": volume.cameras, "zones": volume.zones, "people": volume.people, "stop": volume.stop}
    for statement in SITE.split(";"):
        connection.execute(text(statement), shape)
    connection.execute(text(HOURS), shape | {"days": volume.days})
    for statements, days in (((MINUTES,), volume.days), ((TRACKS, POSITIONS), volume.position_days)):
        for done in range(days):
            for statement in statements:
                connection.execute(text(statement), shape | {"days": days, "done": done})
            if done % 30 == 0:
                progress(f"day {done + 1} of {days}")
    connection.execute(text("ANALYZE"))
