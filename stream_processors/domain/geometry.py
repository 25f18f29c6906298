"""Plane geometry of zones and lines on one frame, in coordinates 0..1 with y downwards.

Element-wise float64 with + - x / and comparisons only, so that every machine decides alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from schemas.events import Point

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Path: TypeAlias = tuple[Point, Point]

FOOT, CENTRE = 0, 1
TRIANGLE = 3


def anchors(boxes: Floats, width: int, height: int) -> Floats:
    """Foot and centre of boxes (n, 4) in pixels as (n, 2, 2): [:, FOOT or CENTRE, x or y].

    The box is not clipped first; only y is clamped to 0..1, so that a person cut by the lower edge keeps a foot.
    """
    left, top, right, bottom = boxes.T
    points = np.empty((len(boxes), 2, 2))
    points[:, FOOT, 0] = points[:, CENTRE, 0] = (left + right) / 2 / width
    points[:, FOOT, 1] = bottom / height
    points[:, CENTRE, 1] = (top + bottom) / 2 / height
    y = points[:, :, 1]
    np.minimum(np.maximum(y, 0.0, out=y), 1.0, out=y)
    return points


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Directed segments as flat arrays (s,): edges of polygons or counting lines, each with the anchor it looks at."""

    anchor: Ints
    x1: Floats
    y1: Floats
    x2: Floats
    y2: Floats
    dx: Floats
    dy: Floats

    @classmethod
    def of(cls, ends: Sequence[Path], anchor: Sequence[int]) -> "Segments":
        """Pack segments, each with its anchor."""
        x1, y1, x2, y2 = np.ascontiguousarray(np.array(ends, dtype=np.float64).reshape(-1, 4).T)
        return cls(np.array(anchor, dtype=np.int64), x1, y1, x2, y2, x2 - x1, y2 - y1)

    def seen(self, points: Floats) -> tuple[Floats, Floats]:
        """Of anchors (n, 2, 2) the x (n, 1), which foot and centre share, and the y (n, s) that each segment looks at."""
        return points[:, :1, 0], points[:, :, 1].take(self.anchor, axis=1)

    def side(self, x: Floats, y: Floats) -> Floats:
        """On which side of each segment points lie, walking from its start to its end: above 0 to the right on screen."""
        return self.dx * (y - self.y1) - (x - self.x1) * self.dy

    def right(self, points: Floats) -> Bools:
        """Which anchors (n, 2, 2) lie to the right of which segment, (n, s); on it counts."""
        return np.asarray(self.side(*self.seen(points)) >= 0)

    def reach(self, x: Floats, y: Floats) -> Bools:
        """Which points lie within the extent of which segment in both coordinates, (n, s)."""
        across = (np.minimum(self.x1, self.x2) <= x) & (x <= np.maximum(self.x1, self.x2))
        return np.asarray(across & (np.minimum(self.y1, self.y2) <= y) & (y <= np.maximum(self.y1, self.y2)))


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """The edges of several polygons, for one vectorised test of many points."""

    edges: Segments
    first: Ints  # (z,) index of each polygon's first edge

    @classmethod
    def of(cls, polygons: Sequence[Sequence[Point]], anchor: Sequence[int]) -> "Polygons":
        """Pack polygons, each with the anchor its membership is decided by."""
        sizes = [len(polygon) for polygon in polygons]
        edges = [edge for polygon in polygons for edge in edges_of(polygon)]
        first = np.cumsum([0, *sizes[:-1]], dtype=np.int64)[: len(sizes)]
        return cls(Segments.of(edges, np.repeat(anchor, sizes).tolist()), first)

    def contain(self, points: Floats) -> Bools:
        """Which polygon holds which point: (n, 2, 2) anchors to (n, z). A point on the border is inside.

        Even-odd rule (Shimrat 1962, CACM algorithm 112) with half-open edges; points with x outside 0..1 are in none.
        """
        if not len(self.first) or not len(points):
            return np.zeros((len(points), len(self.first)), dtype=np.bool_)
        edges = self.edges
        x, y = edges.seen(points)
        side, downwards = edges.side(x, y), edges.y1 <= y
        crossed = (downwards != (edges.y2 <= y)) & ((side > 0) == downwards)
        held = np.logical_xor.reduceat(crossed, self.first, axis=1)
        aligned = side == 0
        if aligned.any():
            held |= np.logical_or.reduceat(aligned & edges.reach(x, y), self.first, axis=1)
        return held & (x >= 0) & (x <= 1)


def edges_of(polygon: Sequence[Point]) -> list[Path]:
    """From corner to corner, and back to the first."""
    return [*pairwise(polygon), (polygon[-1], polygon[0])]


def last_crossing(path: Path, polygon: Sequence[Point], *, entering: bool) -> float:
    """Where on the straight path (0..1) it last enters or leaves the polygon; its end when rounding hides the place.

    The border is inside: who leaves is out after the last touch; who enters may touch it again from within.
    """
    meetings = (meeting(path, edge) for edge in edges_of(polygon))
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


def is_simple(polygon: Sequence[Point]) -> bool:
    """Whether no two edges of the polygon cross or touch except neighbours in their common corner."""
    return not (_folds_back(polygon) or (len(polygon) > TRIANGLE and _edges_meet(np.array(polygon, dtype=np.float64))))


def _folds_back(polygon: Sequence[Point]) -> bool:
    """Whether an edge runs back along the one before it."""
    before = (polygon[1], *polygon[:-1])  # the first corner looks back from its other end: so fold 1 rounds
    after = (polygon[-1], *polygon[2:], polygon[0])
    corners = zip(before, polygon, after, strict=True)
    return any(_turn(p, corner, q) == 0 and _dot(corner, p, q) > 0 for p, corner, q in corners)


def _edges_meet(corners: Floats) -> bool:
    """Whether an edge crosses or touches another that does not begin or end where it does; corners (n, 2)."""
    count = len(corners)
    starts, ends, points = corners.T[:, :, None], np.roll(corners, -1, axis=0).T[:, :, None], corners.T[:, None, :]
    turn = _turn(starts, ends, points)  # (n, n): of each edge, towards each corner
    between = _dot(points, starts, ends) <= 0
    others = ~(
        np.eye(count, dtype=np.bool_) | np.roll(np.eye(count, dtype=np.bool_), 1, axis=1)
    )  # than its own corners
    parted = turn * np.roll(turn, -1, axis=1) < 0  # the ends of another edge lie on different sides
    return bool(((turn == 0) & between & others).any() or (parted & parted.T).any())


def _holds(polygon: Sequence[Point], point: Point) -> bool:
    return bool(Polygons.of([polygon], [FOOT]).contain(np.array([[point, point]]))[0, 0])


def _between(path: Path, fraction: float) -> Point:
    (px, py), (qx, qy) = path
    return px + (qx - px) * fraction, py + (qy - py) * fraction


def _turn(origin: Any, towards: Any, point: Any) -> Any:
    return (towards[0] - origin[0]) * (point[1] - origin[1]) - (towards[1] - origin[1]) * (point[0] - origin[0])


def _dot(origin: Any, left: Any, right: Any) -> Any:
    return (left[0] - origin[0]) * (right[0] - origin[0]) + (left[1] - origin[1]) * (right[1] - origin[1])
