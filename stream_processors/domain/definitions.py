"""What a DefineZones or ConfigureCamera must satisfy, and the layout the fold makes of it.

Faults name what is wrong, where, and what to do; a definition with any fault changes nothing.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from schemas.events import Anchor, ConfigureCamera, Fault, Line, Point, Zone
from stream_processors.domain.geometry import CENTRE, FOOT, Polygons, Segments, is_simple

MIN_POLYGON_POINTS = 3
LINE_POINTS = 2
MAX_SHAPES = 200  # of each sort
MAX_POINTS = 200  # of one polygon
MAX_CORNERS = 4_000  # of all zones: every frame is held against each of them
MAX_FPS = 120.0
_USER_IN_ADDRESS = re.compile(r"^[a-z0-9+.-]+://[^/]*@", re.IGNORECASE)


def anchor_of(shape: Zone | Line) -> int:
    """Which anchor of a box decides for this shape, as an index: FOOT or CENTRE."""
    return CENTRE if shape.anchor == "CENTRE" else FOOT


def outline(shape: Zone | Line) -> tuple[tuple[Point, ...], Anchor]:
    """What decides who is inside or across: two shapes with one outline hold the same people."""
    return shape.polygon if isinstance(shape, Zone) else shape.points, shape.anchor


@dataclass(frozen=True)
class Layout:
    """The zones and lines in force; revision 0 is the empty layout of a new camera."""

    revision: int = 0
    effective_at: int = 0
    zones: tuple[Zone, ...] = ()
    zone_since: tuple[int, ...] = ()  # since when each zone has had its outline
    lines: tuple[Line, ...] = ()

    @cached_property
    def polygons(self) -> Polygons:
        """The zones, packed."""
        return Polygons.of([zone.polygon for zone in self.zones], [anchor_of(zone) for zone in self.zones])

    @cached_property
    def segments(self) -> Segments:
        """The lines, packed."""
        ends = [(line.points[0], line.points[1]) for line in self.lines]
        return Segments.of(ends, [anchor_of(line) for line in self.lines])

    def succeeded_by(self, effective_at: int, zones: tuple[Zone, ...], lines: tuple[Line, ...]) -> "Layout":
        """Valid zones and lines, in force instead of these from `effective_at` on."""
        before = {zone.zone_id: (outline(zone), at) for zone, at in zip(self.zones, self.zone_since, strict=True)}
        known = [before.get(zone.zone_id, (None, 0)) for zone in zones]
        since = tuple(
            at if old == outline(zone) else effective_at for zone, (old, at) in zip(zones, known, strict=True)
        )
        return Layout(self.revision + 1, effective_at, zones, since, lines)

    def zone(self, zone_id: str) -> Zone | None:
        """The zone called `zone_id` in this layout."""
        return self._zone_by_id.get(zone_id)

    @cached_property
    def _zone_by_id(self) -> dict[str, Zone]:
        return {zone.zone_id: zone for zone in self.zones}


def faults(zones: Sequence[Zone], lines: Sequence[Line]) -> tuple[Fault, ...]:
    """Everything to mend in a definition; empty when it can be taken."""
    found = [
        *_count_faults("zones", len(zones)),
        *_count_faults("lines", len(lines)),
        *_count_faults("zones", sum(len(zone.polygon) for zone in zones), MAX_CORNERS, "corners"),
        *_id_faults("zones", [zone.zone_id for zone in zones]),
        *_id_faults("lines", [line.line_id for line in lines]),
    ]
    for index, zone in enumerate(zones):
        found += text_faults(f"zones[{index}]", zone.zone_id, zone.name)
        found += _polygon_faults(f"zones[{index}].polygon", zone.polygon)
    for index, line in enumerate(lines):
        found += text_faults(f"lines[{index}]", line.line_id, line.name)
        found += _line_faults(f"lines[{index}].points", line.points)
    return tuple(found)


def configuration_faults(command: ConfigureCamera) -> list[Fault]:
    """Everything to mend in a camera's settings; empty when they can be taken."""
    found = text_faults("name", command.name, command.site_id, command.source, command.credentials)
    if _USER_IN_ADDRESS.match(command.source):
        message = "it holds a user name; the edge keeps user and password under the name given in `credentials`"
        found.append(Fault(code="CREDENTIALS_IN_SOURCE", path="source", message=message))
    if command.target_fps is not None and not 0 < command.target_fps <= MAX_FPS:
        message = f"{command.target_fps}; it takes more than 0 and at most {MAX_FPS:g} frames a second"
        found.append(Fault(code="RATE_OUT_OF_RANGE", path="target_fps", message=message))
    found += _count_faults("masks", len(command.masks))
    for index, mask in enumerate(command.masks):
        found += _polygon_faults(f"masks[{index}]", mask)
    return found


def text_faults(path: str, *texts: str) -> list[Fault]:
    """What keeps a text from being stored: databases take any character but NUL."""
    if not any("\0" in text for text in texts):
        return []
    return [Fault(code="NUL_IN_TEXT", path=path, message="its texts hold a NUL character; remove it")]


def _count_faults(path: str, count: int, most: int = MAX_SHAPES, of: str = "") -> Iterator[Fault]:
    if count > most:
        yield Fault(code="TOO_MANY", path=path, message=f"{count} {of or path}; at most {most} fit on one camera")


def _id_faults(path: str, ids: Sequence[str]) -> Iterator[Fault]:
    for index, name in enumerate(ids):
        if not name:
            yield Fault(code="EMPTY_ID", path=f"{path}[{index}]", message="give it an id that is kept for ever")
        elif name in ids[:index]:
            yield Fault(code="DUPLICATE_ID", path=f"{path}[{index}]", message=f"{name!r} is used twice; ids are unique")


def _polygon_faults(path: str, polygon: Sequence[Point]) -> list[Fault]:
    found = [*_size_faults(path, len(polygon), MIN_POLYGON_POINTS, MAX_POINTS), *_point_faults(path, polygon)]
    if found:
        return found
    if not is_simple(polygon):
        message = "its edges cross or touch; order the points around the shape"
        return [Fault(code="POLYGON_CROSSES_ITSELF", path=path, message=message)]
    return []


def _line_faults(path: str, points: Sequence[Point]) -> list[Fault]:
    return [*_size_faults(path, len(points), LINE_POINTS, LINE_POINTS), *_point_faults(path, points)]


def _size_faults(path: str, count: int, least: int, most: int) -> Iterator[Fault]:
    if not least <= count <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        yield Fault(code="POINT_COUNT", path=path, message=f"{count} points; it takes {wanted}")


def _point_faults(path: str, points: Sequence[Point]) -> Iterator[Fault]:
    for index, (x, y) in enumerate(points):
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            message = f"({x}, {y}) is outside the frame; x and y are 0..1 of its width and height"
            yield Fault(code="POINT_OUT_OF_RANGE", path=f"{path}[{index}]", message=message)
    for index, point in _repeated(points):
        yield Fault(code="EQUAL_POINTS", path=f"{path}[{index}]", message=f"{point} is there twice; remove one")


def _repeated(points: Sequence[Point]) -> Iterator[tuple[int, Point]]:
    known: set[Point] = set()
    for index, point in enumerate(points):
        if point in known:
            yield index, point
        known.add(point)
