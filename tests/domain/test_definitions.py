"""What a definition of zones is refused for: every fault by its code and its place, and nothing for a sound one."""

import math

import pytest
from hypothesis import given, settings
from msgspec import structs

from schemas.events import Line, Point, Zone
from stream_processors.domain.definitions import MAX_CORNERS, MAX_POINTS, MAX_SHAPES, faults
from tests.domain import walks
from tests.domain.walks import DESK, laid_out, square, vertical

LINE = vertical("door", 0.5)


def found(*shapes: Zone | Line) -> list[tuple[str, str]]:
    zones = [shape for shape in shapes if isinstance(shape, Zone)]
    lines = [shape for shape in shapes if isinstance(shape, Line)]
    return [(fault.code, fault.path) for fault in faults(zones, lines)]


def zone(*polygon: Point) -> Zone:
    return Zone(zone_id="z", name="z", kind="WORK", polygon=polygon)


def line(*points: Point) -> Line:
    return Line(line_id="l", name="l", points=points)


def test_sound_zones_and_lines_have_no_fault() -> None:
    assert found(DESK, square("queue", 0, 0, 1, 1), LINE) == []
    assert found() == []


def test_a_zone_and_a_line_may_share_an_id() -> None:
    assert found(DESK, vertical("desk", 0.5)) == []


@pytest.mark.parametrize(
    ("shape", "code", "path"),
    [
        (zone((0, 0), (1, 1)), "POINT_COUNT", "zones[0].polygon"),
        (zone(), "POINT_COUNT", "zones[0].polygon"),
        (zone((0, 0), (1, 1), (1, 0), (0, 1)), "POLYGON_CROSSES_ITSELF", "zones[0].polygon"),
        (zone((0, 0), (0.5, 0.5), (1, 1)), "POLYGON_CROSSES_ITSELF", "zones[0].polygon"),
        (zone((0, 0), (1, 0), (1.01, 1)), "POINT_OUT_OF_RANGE", "zones[0].polygon[2]"),
        (zone((0, 0), (1, -0.01), (1, 1)), "POINT_OUT_OF_RANGE", "zones[0].polygon[1]"),
        (zone((0, 0), (1, 0), (1, math.nan)), "POINT_OUT_OF_RANGE", "zones[0].polygon[2]"),
        (zone((0, 0), (1, 0), (math.inf, 1)), "POINT_OUT_OF_RANGE", "zones[0].polygon[2]"),
        (zone((0, 0), (1, 0), (1, 1), (0, 0)), "EQUAL_POINTS", "zones[0].polygon[3]"),
        (line((0, 0)), "POINT_COUNT", "lines[0].points"),
        (line((0, 0), (1, 1), (0, 1)), "POINT_COUNT", "lines[0].points"),
        (line((0.5, 0.5), (0.5, 0.5)), "EQUAL_POINTS", "lines[0].points[1]"),
        (line((0, 0), (2, 0)), "POINT_OUT_OF_RANGE", "lines[0].points[1]"),
        (square("", 0, 0, 1, 1), "EMPTY_ID", "zones[0]"),
        (square("a\0b", 0, 0, 1, 1), "NUL_IN_TEXT", "zones[0]"),
        (vertical("a\0b", 0.5), "NUL_IN_TEXT", "lines[0]"),
    ],
)
def test_a_fault_names_its_code_and_its_place(shape: Zone | Line, code: str, path: str) -> None:
    assert found(shape) == [(code, path)]


def test_an_id_used_twice_is_named_where_it_comes_again() -> None:
    assert found(DESK, DESK, LINE, LINE) == [("DUPLICATE_ID", "zones[1]"), ("DUPLICATE_ID", "lines[1]")]


def test_too_many_shapes_and_too_many_points_are_refused() -> None:
    zones = [square(f"z{index}", 0, 0, 1, 1) for index in range(MAX_SHAPES + 1)]
    assert found(*zones[:-1]) == []
    assert found(*zones) == [("TOO_MANY", "zones")]
    row = [(index / MAX_POINTS, 0.0) for index in range(MAX_POINTS)]
    assert found(zone(*row, (0.5, 1.0))) == [("POINT_COUNT", "zones[0].polygon")]


def test_the_corners_of_all_zones_together_are_bounded() -> None:
    row = [(index / MAX_POINTS, 0.0) for index in range(MAX_POINTS - 1)]
    full = [structs.replace(zone(*row, (0.5, 1.0)), zone_id=f"z{index}") for index in range(MAX_CORNERS // MAX_POINTS)]
    assert found(*full) == []
    assert found(*full, DESK) == [("TOO_MANY", "zones")]


def test_every_fault_of_a_definition_is_named_at_once() -> None:
    codes = {code for code, _ in found(zone((0, 0), (2, 0), (2, 0)), line((0, 0)), square("", 0, 0, 1, 1))}
    assert codes == {"POINT_OUT_OF_RANGE", "EQUAL_POINTS", "POINT_COUNT", "EMPTY_ID"}


@settings(max_examples=50)
@given(walks.polygons())
def test_a_message_says_what_to_do(polygon: tuple[Point, ...]) -> None:
    assert found(zone(*polygon)) == []
    (fault,) = faults([zone(*polygon, polygon[0])], [])
    assert "remove one" in fault.message


def test_a_zone_keeps_the_moment_since_which_it_has_had_its_outline() -> None:
    first = laid_out().succeeded_by(10, (DESK, square("queue", 0, 0, 1, 1)), ())
    renamed = square("desk", 0.25, 0.25, 0.75, 0.75, name="Desk 1", kind="REST")
    second = first.succeeded_by(20, (square("queue", 0, 0, 0.5, 1), renamed, square("new", 0, 0, 1, 1)), ())
    assert first.zone_since == (10, 10)
    assert second.zone_since == (20, 10, 20)
    assert (second.revision, second.effective_at) == (first.revision + 1, 20)
