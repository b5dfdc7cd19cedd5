"""The panel of accuracy against size: every candidate a point with its name, none hidden by another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from thimble.core.study import Study
from thimble.core.summary import Row, Summary
from thimble.report import _words as words
from thimble.report._palette import BASELINE, Look
from thimble.report._placement import Box, Point, place, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 6.0
"""Sizes whose extremes differ by more than this factor are drawn on a logarithmic axis."""
MARKER = 7.0
"""Diameter of a point, in typographic points."""
RING = 1.9
"""The circle around the chosen one, in diameters of a point."""
NAME_LENGTH = 30


class Scatter:
    """Draw in two goes: `points` before the layout is fixed, `names` after, when pixels are known.

    Better is always up. A candidate far below all others would flatten the rest: it stands at the panel's lower
    edge, with an arrow and its value; ``note`` says so.
    """

    def __init__(self, study: Study, summary: Summary, rows: list[Row], style: dict[str, Look]) -> None:
        self.study, self.chosen, self.style = study, summary.chosen, style
        self.first = rows[0].name if rows else ""
        self.rows = [row for row in rows if row.quality is not None]
        self.sign = 1.0 if study.task.higher_is_better else -1.0
        self.floor = floor_of([self.sign * _quality(row) for row in self.rows])
        self.note = (
            "Arrows point to candidates far below the panel, their values beside their names."
            if any(self._low(row) for row in self.rows)
            else ""
        )

    def points(self, axes: Axes) -> None:
        """Axes, scales and titles; room is left for the names."""
        from matplotlib.ticker import FuncFormatter, LogLocator

        metric = words.metric_title(self.study.task)
        better = "" if self.study.task.higher_is_better else ", lower is better"
        unit = words.metric_unit(self.study.task).strip() or "score"
        axes.set_title(f"{metric[:1].upper()}{metric[1:]} ({unit}{better}) against size (MB), 95 % intervals")
        axes.margins(0.12)
        if not self.rows:
            axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, color="#777777")
            axes.set_xticks([])
            axes.set_yticks([])
            return
        sizes = [row.size_mb or 0.0 for row in self.rows]
        if min(sizes) > 0 and max(sizes) > LOG_FROM * min(sizes):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
            margin = (max(sizes) / min(sizes)) ** 0.14
            axes.set_xlim(min(sizes) / margin, max(sizes) * margin)
        else:
            margin = 0.14 * (max(sizes) - min(sizes)) or 0.3 * max(sizes) or 1
            axes.set_xlim(min(sizes) - margin, max(sizes) + margin)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylim(*self._range())

    def _range(self) -> tuple[float, float]:
        """The ends of the quality's axis, the worse one first: room for intervals, as long as the points keep a third of it."""
        shown = [row.quality for row in self.rows if row.quality and not self._low(row)]
        least, most = min(one.value for one in shown), max(one.value for one in shown)
        span = most - least or max(one.high - one.low for one in shown)
        low, high = max(min(one.low for one in shown), least - span), min(max(one.high for one in shown), most + span)
        margin = max(0.06 * (high - low), 0.14 * (most - least)) or 0.02 * abs(most) or 1
        low, high = min(low - margin / 2, least - margin), max(high + margin / 2, most + margin)
        if self.note:
            low, high = (low - margin, high) if self.sign > 0 else (low, high + margin)
        if self.study.task.unit == "%" and self.sign > 0:
            high = min(high, 100 + 0.03 * (100 - least))
        return (low, high) if self.sign > 0 else (high, low)

    def names(self, axes: Axes) -> None:
        """The markers with their intervals, pushed apart where they coincide, and the names around them."""
        from matplotlib.patheffects import withStroke

        if not self.rows:
            return
        scale = axes.get_figure().dpi / 72  # type: ignore[union-attr]
        area = axes.get_window_extent()
        bounds = Box(area.x0 + 2, area.y0 + 2, area.x1 - 2, area.y1 - 2)
        radius = MARKER / 2 * scale
        inner = Box(bounds.left + radius, bounds.bottom + radius, bounds.right - radius, bounds.top - radius)
        spots = spread([self._spot(axes, row, inner) for row in self.rows], 1.7 * radius, inner)
        radii = [radius * (RING if row.name == self.chosen else 1) for row in self.rows]
        labels, halo = self._labels(), [withStroke(linewidth=2.5, foreground="white")]
        texts = [
            axes.text(0, 0, label, fontsize=8, fontweight="bold" if row.name == self.chosen else "normal", path_effects=halo)
            for row, label in zip(self.rows, labels, strict=True)
        ]
        extents = [text.get_window_extent() for text in texts]
        boxes = place(spots, [(extent.width + 3 * scale, extent.height + 1 * scale) for extent in extents], bounds, radii)

        def to_data(spot: Point) -> Point:
            x, y = axes.transData.inverted().transform(spot)
            return float(x), float(y)

        for row, spot, box, text in zip(self.rows, spots, boxes, texts, strict=True):
            self._mark(axes, row, to_data(spot))
            text.set_position(to_data(((box.left + box.right) / 2, (box.bottom + box.top) / 2)))
            text.set(ha="center", va="center", zorder=5)
            end = box.nearest(spot)
            crowded = sum(math.dist(spot, other) < 5 * radius for other in spots) > 1
            if crowded or math.dist(spot, end) > 2.2 * radius:
                axes.plot(*zip(to_data(spot), to_data(end), strict=True), color="#888888", linewidth=0.7, zorder=1.5)

    def _mark(self, axes: Axes, row: Row, spot: Point) -> None:
        look = self.style[row.runtime]
        marker = "*" if row.name == self.first else ("v" if self._low(row) else look.marker)
        size = MARKER * (1.6 if marker == "*" else 1)
        colour = BASELINE if row.name == self.first else look.colour
        if row.name == self.chosen:
            axes.plot(*spot, marker="o", markersize=MARKER * RING, markerfacecolor="none", markeredgecolor="black", zorder=3)
        if row.quality and not self._low(row):
            axes.vlines(spot[0], row.quality.low, row.quality.high, color=colour, linewidth=1, alpha=0.35, zorder=1.2)
        axes.plot(*spot, marker=marker, markersize=size, color=colour, markeredgecolor="white", markeredgewidth=0.8, zorder=4)

    def _spot(self, axes: Axes, row: Row, inner: Box) -> Point:
        x, y = axes.transData.transform((row.size_mb or 0.0, _quality(row)))
        return float(x), inner.bottom if self._low(row) else float(y)

    def _labels(self) -> list[str]:
        names = words.short_names([row.name for row in self.rows], NAME_LENGTH)
        return [f"{names[row.name]}: {words.figure(_quality(row))}" if self._low(row) else names[row.name] for row in self.rows]

    def _low(self, row: Row) -> bool:
        return self.sign * _quality(row) < self.floor


def _quality(row: Row) -> float:
    return row.quality.value if row.quality else 0.0


def floor_of(values: list[float]) -> float:
    """Return the lowest value above a minority that a gap of more than twice the spread of the other values separates."""
    ordered = sorted(values)
    for i in range(len(ordered) // 2, 0, -1):
        above = ordered[-1] - ordered[i]
        if ordered[i] - ordered[i - 1] > max(2 * above, 0.02 * abs(ordered[-1])):
            return ordered[i]
    return float("-inf")
