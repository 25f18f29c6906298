"""Plane geometry of zones and lines on one frame, in coordinates 0..1 with y downwards.

Element-wise float64 with + - x / and comparisons only, so that every machine decides alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from schemas.events import Point

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Path: TypeAlias = tuple[Point, Point]

FOOT, CENTRE = 0, 1


def anchors(boxes: Floats, width: int, height: int) -> Floats:
    """Foot and centre of boxes (n, 4) in pixels as (n, 2, 2): [:, FOOT or CENTRE, x or y].

    The box is not clipped first; only y is clamped to 0..1, so that a person cut by the lower edge keeps a foot.
    """
    points = np.empty((len(boxes), 2, 2))
    points[:, :, 0] = ((boxes[:, 0] + boxes[:, 2]) / 2 / width)[:, None]
    points[:, FOOT, 1] = boxes[:, 3] / height
    points[:, CENTRE, 1] = (boxes[:, 1] + boxes[:, 3]) / 2 / height
    points[:, :, 1] = np.minimum(np.maximum(points[:, :, 1], 0.0), 1.0)
    return points


@dataclass(frozen=True, slots=True)
class Polygons:
    """The edges of several polygons as flat arrays, for one vectorised test of many points."""

    anchor: Ints  # (e,) which anchor the edge's polygon looks at
    start: Floats  # (e, 2)
    end: Floats  # (e, 2)
    first: Ints  # (z,) index of each polygon's first edge

    @classmethod
    def of(cls, polygons: Sequence[Sequence[Point]], anchor: Sequence[int]) -> "Polygons":
        """Pack polygons, each with the anchor its membership is decided by."""
        sizes = [len(polygon) for polygon in polygons]
        start = np.array([point for polygon in polygons for point in polygon], dtype=np.float64).reshape(-1, 2)
        end = np.array([point for polygon in polygons for point in (*polygon[1:], polygon[0])], dtype=np.float64)
        first = np.cumsum([0, *sizes[:-1]], dtype=np.int64)[: len(sizes)]
        return cls(np.repeat(np.array(anchor, dtype=np.int64), sizes), start, end.reshape(-1, 2), first)

    def contain(self, points: Floats) -> Bools:
        """Which polygon holds which point: (n, 2, 2) anchors to (n, z). A point on the border is inside.

        Even-odd rule (Shimrat 1962, CACM algorithm 112) with half-open edges; points with x outside 0..1 are in none.
        """
        if not len(self.first) or not len(points):
            return np.zeros((len(points), len(self.first)), dtype=np.bool_)
        at = points[:, self.anchor]
        x, y = at[:, :, 0], at[:, :, 1]
        (x1, y1), (x2, y2) = self.start.T, self.end.T
        side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
        crossed = ((y1 <= y) != (y2 <= y)) & ((side > 0) == (y2 > y1))
        touched = (side == 0) & (np.minimum(x1, x2) <= x) & (x <= np.maximum(x1, x2))
        touched &= (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
        odd = np.logical_xor.reduceat(crossed, self.first, axis=1)
        border = np.logical_or.reduceat(touched, self.first, axis=1)
        in_frame = (points[:, :1, 0] >= 0) & (points[:, :1, 0] <= 1)
        return (odd | border) & in_frame


def last_crossing(path: Path, polygon: Sequence[Point], *, entering: bool) -> float:
    """Where on the straight path (0..1) it last enters or leaves the polygon; its end when rounding hides the place.

    The border is inside: who leaves is out after the last touch; who enters may touch it again from within.
    """
    edges = [*pairwise(polygon), (polygon[-1], polygon[0])]
    meetings = (meeting(path, edge) for edge in edges)
    met = sorted(on_path for on_path, on_edge in filter(None, meetings) if 0 <= on_path <= 1 and 0 <= on_edge <= 1)
    while entering and len(met) > 1 and _holds(polygon, _between(path, (met[-2] + met[-1]) / 2)):
        met.pop()
    return met[-1] if met else 1.0


def meeting(path: Path, segment: Path) -> tuple[float, float] | None:
    """Where the lines through path and segment meet, as fractions of both; None when they are parallel."""
    (px, py), (qx, qy) = path
    (ax, ay), (bx, by) = segment
    dx, dy, ex, ey = qx - px, qy - py, bx - ax, by - ay
    determinant = dx * ey - dy * ex
    if determinant == 0:
        return None
    return ((ax - px) * ey - (ay - py) * ex) / determinant, ((ax - px) * dy - (ay - py) * dx) / determinant


def moment(start: int, end: int, fraction: float) -> int:
    """The whole millisecond `fraction` of the way from start to end, never outside them."""
    return min(max(start + int((end - start) * fraction + 0.5), start), end)


def right_of(points: Floats, start: Floats, end: Floats) -> Bools:
    """Which points (n, l, 2) lie to the right of lines (l, 2) as seen on screen walking from start to end; on it counts."""
    along = end - start
    side = along[:, 0] * (points[:, :, 1] - start[:, 1]) - along[:, 1] * (points[:, :, 0] - start[:, 0])
    return np.asarray(side >= 0)


def is_simple(polygon: Sequence[Point]) -> bool:
    """Whether no two edges of the polygon cross or touch except neighbours in their common corner."""
    count = len(polygon)
    edges = [(polygon[i], polygon[(i + 1) % count]) for i in range(count)]
    return not any(
        _touch(edges[i], edges[j], neighbours=j == i + 1 or (i == 0 and j == count - 1))
        for i in range(count)
        for j in range(i + 1, count)
    )


def _holds(polygon: Sequence[Point], point: Point) -> bool:
    return bool(Polygons.of([polygon], [FOOT]).contain(np.array([[point, point]]))[0, 0])


def _between(path: Path, fraction: float) -> Point:
    (px, py), (qx, qy) = path
    return px + (qx - px) * fraction, py + (qy - py) * fraction


def _touch(left: Path, right: Path, *, neighbours: bool) -> bool:
    (a, b), (c, d) = left, right
    if neighbours:
        shared, p, q = (b, a, d) if b == c else (a, b, c)
        return _turn(p, shared, q) == 0 and _dot(shared, p, q) > 0  # folds back on itself
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _dot(point, start, end) <= 0 for turn, start, end, point in ends)


def _turn(origin: Point, towards: Point, point: Point) -> float:
    return (towards[0] - origin[0]) * (point[1] - origin[1]) - (towards[1] - origin[1]) * (point[0] - origin[0])


def _dot(origin: Point, left: Point, right: Point) -> float:
    return (left[0] - origin[0]) * (right[0] - origin[0]) + (left[1] - origin[1]) * (right[1] - origin[1])
