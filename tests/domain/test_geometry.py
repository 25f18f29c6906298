"""Which polygon holds which point, where paths meet borders, what is a simple polygon: held against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.events import Point
from stream_processors.domain.geometry import (
    CENTRE,
    FOOT,
    Polygons,
    Segments,
    anchors,
    is_simple,
    last_crossing,
    moment,
)
from tests.domain import oracle, walks

SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
coarse = st.integers(0, 6).map(lambda step: step / 8)
HORSESHOE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.75, 1.0), (0.75, 0.25), (0.25, 0.25), (0.25, 1.0), (0.0, 1.0))


def contains(polygon: tuple[Point, ...], *points: Point) -> list[bool]:
    at = np.array([[point, point] for point in points], dtype=np.float64)
    return Polygons.of([polygon], [FOOT]).contain(at)[:, 0].tolist()  # type: ignore[no-any-return]


@settings(max_examples=60)
@given(walks.polygons(), st.lists(walks.spots, min_size=1, max_size=20))
def test_points_on_a_grid_are_held_exactly_as_the_winding_number_says(
    polygon: tuple[Point, ...], points: list[Point]
) -> None:
    assert contains(polygon, *points) == [oracle.holds(polygon, point) for point in points]


@settings(max_examples=60)
@given(walks.polygons())
def test_corners_and_the_middles_of_edges_are_inside(polygon: tuple[Point, ...]) -> None:
    edges = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    middles = [((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in edges]
    assert all(contains(polygon, *polygon, *middles))


@settings(max_examples=60)
@given(walks.polygons(), st.tuples(st.floats(-0.5, 1.5), st.floats(0, 1)))
def test_points_anywhere_are_held_as_the_winding_number_says_unless_rounding_touches_the_border(
    polygon: tuple[Point, ...], point: Point
) -> None:
    assume(_distance_to_border(polygon, point) > 1e-12)
    assert contains(polygon, point) == [oracle.holds(polygon, point)]


def test_several_polygons_of_different_size_are_told_apart_in_one_call() -> None:
    lintel = ((0.375, 0.0), (0.625, 0.0), (0.5, 0.125))
    packed = Polygons.of([SQUARE, lintel, HORSESHOE], [FOOT, CENTRE, FOOT])
    points = np.array([[(0.5, 0.5), (0.5, 0.01)], [(0.9, 0.9), (0.9, 0.5)]])
    assert packed.contain(points).tolist() == [[True, True, False], [False, False, True]]


def test_without_polygons_or_points_nothing_is_held() -> None:
    assert Polygons.of([], []).contain(np.zeros((3, 2, 2))).shape == (3, 0)
    assert Polygons.of([SQUARE], [FOOT]).contain(np.zeros((0, 2, 2))).shape == (0, 1)


@pytest.mark.parametrize("x", [-0.001, 1.001, -40.0, 7.0])
def test_a_foot_beside_the_frame_is_in_no_zone_even_if_the_zone_is_all_of_the_frame(x: float) -> None:
    assert contains(((0, 0), (1, 0), (1, 1), (0, 1)), (x, 0.5)) == [False]


def test_the_anchors_are_those_of_the_unclipped_box_with_y_clamped() -> None:
    foot, centre = anchors(np.array([[-50.0, 900.0, 150.0, 1_300.0]]), 1_000, 1_000)[0].tolist()
    assert foot == [0.05, 1.0]
    assert centre == [0.05, 1.0]


@settings(max_examples=60)
@given(walks.polygons(), walks.spots, walks.spots)
def test_a_change_of_sides_is_placed_where_the_side_it_ends_on_begins(
    polygon: tuple[Point, ...], start: Point, end: Point
) -> None:
    entering = oracle.holds(polygon, end)
    assume(oracle.holds(polygon, start) != entering)
    exact = oracle.change_of_sides(start, end, polygon)
    assert last_crossing((start, end), polygon, entering=entering) == pytest.approx(float(exact), abs=1e-12)


def test_somebody_who_walks_in_along_the_lower_edge_of_the_frame_enters_at_the_side_of_the_zone() -> None:
    lower_half = ((0.25, 0.5), (0.75, 0.5), (0.75, 1.0), (0.25, 1.0))
    assert last_crossing(((0.0, 0.75), (0.5, 1.0)), lower_half, entering=True) == 0.5


def test_a_way_through_both_arms_of_a_horseshoe_enters_at_the_second() -> None:
    assert last_crossing(((0.125, 0.5), (0.5, 0.5)), HORSESHOE, entering=False) == pytest.approx(1 / 3)
    assert last_crossing(((0.5, 0.5), (1.0, 0.5)), HORSESHOE, entering=True) == 0.5


@given(st.integers(0, 2**45), st.integers(0, 10_000), st.floats(0, 1))
def test_a_moment_on_the_way_lies_between_its_ends(start: int, length: int, fraction: float) -> None:
    at = moment(start, start + length, fraction)
    assert start <= at <= start + length
    assert abs(at - start - length * Fraction(fraction)) <= Fraction(1, 2) + Fraction(1, 10**9)


def test_right_is_right_on_screen_and_the_line_itself_is_right() -> None:
    upwards = Segments.of([((0.5, 1.0), (0.5, 0.0))], [FOOT])
    points = np.array([[(x, 0.5)] * 2 for x in (0.6, 0.4, 0.5)])
    assert upwards.right(points)[:, 0].tolist() == [True, False, True]


@given(walks.polygons())
def test_polygons_that_do_not_cross_themselves_are_simple_in_both_directions(polygon: tuple[Point, ...]) -> None:
    assert is_simple(polygon)
    assert is_simple(polygon[::-1])


@settings(max_examples=200)
@given(st.lists(st.tuples(coarse, coarse), min_size=3, max_size=9, unique=True))
def test_any_corners_are_judged_simple_or_not_as_the_exact_pairs_of_edges_say(polygon: list[Point]) -> None:
    assert is_simple(polygon) == oracle.is_simple(polygon)


@pytest.mark.parametrize(
    "polygon",
    [
        pytest.param(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)), id="bow tie"),
        pytest.param(((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)), id="no area"),
        pytest.param(((0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.5, 1.0)), id="spike"),
        pytest.param(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.0, 1.0)), id="corner on an edge"),
    ],
)
def test_a_polygon_that_crosses_or_touches_itself_is_not_simple(polygon: tuple[Point, ...]) -> None:
    assert not is_simple(polygon)


def _distance_to_border(polygon: tuple[Point, ...], point: Point) -> float:
    start, end = np.array(polygon), np.array([*polygon[1:], polygon[0]])
    along, to = end - start, np.array(point) - start
    share = np.clip((to * along).sum(axis=1) / (along * along).sum(axis=1), 0, 1)
    return float(np.abs(to - along * share[:, None]).sum(axis=1).min())
