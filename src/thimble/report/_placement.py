"""Where names go in a crowded picture: every label beside its point, none over another, over a point or outside.

Greedy point-feature labelling (Christensen, Marks and Shieber 1995 compare the family): the most crowded points
choose first, each among positions around it at growing distances, and a leader joins a label that had to move off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

DIRECTIONS = tuple(math.radians(angle) for angle in (0, 180, 35, -35, 145, -145, 90, -90, 15, -15, 165, -165, 60, -60, 120, -120))
"""Tried in this order at each distance: right and left read best, then the diagonals."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Return whether the two share any area."""
        return self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top

    def holds(self, other: Box) -> bool:
        """Return whether ``other`` is completely inside."""
        return self.left <= other.left and other.right <= self.right and self.bottom <= other.bottom and other.top <= self.top

    def nearest(self, point: Point) -> Point:
        """The point of the rectangle nearest to ``point``."""
        return min(max(point[0], self.left), self.right), min(max(point[1], self.bottom), self.top)

    def crossed_by(self, start: Point, end: Point) -> bool:
        """Return whether the segment passes through the rectangle (clipped side by side, after Liang and Barsky 1984)."""
        low, high = 0.0, 1.0
        for (a, b), (least, most) in zip(zip(start, end, strict=True), ((self.left, self.right), (self.bottom, self.top)), strict=True):
            if a == b:
                if not least < a < most:
                    return False
                continue
            near, far = sorted(((least - a) / (b - a), (most - a) / (b - a)))
            low, high = max(low, near), min(high, far)
        return low < high


def around(point: Point, radius: float) -> Box:
    """The square around a round marker."""
    return Box(point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius)


def spread(points: Sequence[Point], distance: float, bounds: Box, rounds: int = 60) -> list[Point]:
    """Push points apart that lie closer than ``distance``, so that no marker hides another; the others stay put.

    Equal points part along a fixed direction of their own, so that the same points give the same picture.
    """
    moved = [list(point) for point in points]
    for _ in range(rounds):
        still = True
        for i in range(len(moved)):
            for j in range(i):
                dx, dy = moved[i][0] - moved[j][0], moved[i][1] - moved[j][1]
                gap = math.hypot(dx, dy)
                if gap >= distance - 1e-6:
                    continue
                still = False
                if gap < 1e-6:
                    dx, dy, gap = math.cos(2.4 * i), math.sin(2.4 * i), 1.0
                step = (distance - min(gap, distance)) / 2 if gap != 1.0 else distance / 2
                for k, sign in ((i, 1), (j, -1)):
                    moved[k][0] += sign * step * dx / gap
                    moved[k][1] += sign * step * dy / gap
        if still:
            break
    return [(min(max(x, bounds.left), bounds.right), min(max(y, bounds.bottom), bounds.top)) for x, y in moved]


def place(points: Sequence[Point], sizes: Sequence[tuple[float, float]], bounds: Box, radii: Sequence[float]) -> list[Box]:
    """A rectangle for each point's label of ``sizes`` (width, height), all in pixels.

    No label meets another or a marker (of ``radii``), and none leaves ``bounds``, as long as there is room at all;
    a label without room goes where it covers least.
    """
    markers = [around(point, radius) for point, radius in zip(points, radii, strict=True)]
    crowd = [sum(math.dist(point, other) < 60 for other in points) for point in points]
    placed: dict[int, Box] = {}
    leaders: list[tuple[Point, Point]] = []
    for i in sorted(range(len(points)), key=lambda i: (-crowd[i], points[i])):
        blocked = [*placed.values(), *(marker for j, marker in enumerate(markers) if j != i)]
        best = _cheapest(_tries(points[i], sizes[i], bounds, radii[i]), _Cost(points[i], blocked, leaders))
        placed[i] = best or Box(*points[i], points[i][0] + sizes[i][0], points[i][1] + sizes[i][1])
        leaders.append((points[i], placed[i].nearest(points[i])))
    return [placed[i] for i in range(len(points))]


def _cheapest(tries: Iterator[tuple[float, Box]], cost: _Cost) -> Box | None:
    """The best position, nearest ones first; no farther one is tried once it could only be worse."""
    best: tuple[tuple[int, float], Box] | None = None
    for distance, box in tries:
        if best and best[0][0] == 0 and distance > best[0][1]:
            break
        price = cost(box)
        if best is None or price < best[0]:
            best = price, box
    return best and best[1]


def _tries(point: Point, size: tuple[float, float], bounds: Box, radius: float) -> Iterator[tuple[float, Box]]:
    reach = max(bounds.right - bounds.left, bounds.top - bounds.bottom)
    distance = radius + 3
    while distance < reach:
        for angle in DIRECTIONS:
            x, y = (
                coordinate + distance * part + length / 2 * max(-1.0, min(1.0, 1.5 * part))
                for coordinate, part, length in zip(point, (math.cos(angle), math.sin(angle)), size, strict=True)
            )
            box = Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
            if bounds.holds(box):
                yield distance, box
        distance += max(6.0, 0.2 * distance)


@dataclass(frozen=True)
class _Cost:
    """What is wrong with a position, the worst first: things covered, leaders that cross, distance."""

    point: Point
    blocked: Sequence[Box]
    leaders: Sequence[tuple[Point, Point]]

    def __call__(self, box: Box) -> tuple[int, float]:
        end = box.nearest(self.point)
        covered = sum(other.meets(box) for other in self.blocked)
        under = sum(box.crossed_by(*leader) for leader in self.leaders)
        through = sum(other.crossed_by(self.point, end) for other in self.blocked)
        crossings = sum(_cross(self.point, end, *leader) for leader in self.leaders)
        return covered + under, math.dist(self.point, end) + 40 * through + 25 * crossings


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
