"""``optimization_comparison.png`` and ``.svg``: size, latency, and accuracy against size, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.study import Study
from thimble.core.summary import Row, Summary
from thimble.core.text import plain
from thimble.core.verdict import Status
from thimble.report import _words as words
from thimble.report._files import write_with
from thimble.report._palette import BASELINE, Look, looks
from thimble.report._scatter import Scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "svg.hashsalt": "thimble",
    "text.parse_math": False,
}
NAME_LENGTH = 34


class Png:
    """The picture for a report or a slide. The same study gives the same bytes."""

    files: ClassVar[tuple[str, ...]] = ("optimization_comparison.png", "optimization_comparison.svg")
    needs: ClassVar[tuple[str, ...]] = ("matplotlib",)
    extra: ClassVar[str | None] = "plots"

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write the picture in both formats into ``folder``; raises `CannotWrite`."""
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            figure = draw(study, summary)
            return [
                write_with(folder / name, lambda path: figure.savefig(path, dpi=160, facecolor="white", metadata=_metadata(path)))
                for name in self.files
            ]


def _metadata(path: Path) -> dict[str, None]:
    return {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}


def draw(study: Study, summary: Summary) -> Figure:
    """The figure, laid out and labelled; its height follows from the number of candidates."""
    from matplotlib.figure import Figure

    rows = [row for row in summary.compared if row.status == Status.OK and row.size_mb is not None]
    style = looks(row.runtime for row in rows)
    figure = Figure(figsize=(16, max(4.6, 1.9 + 0.27 * len(rows))), layout="constrained")
    figure.suptitle(_title(study), fontsize=11.5, x=0.008, ha="left")
    size, latency, scatter = figure.subplots(1, 3, width_ratios=(1, 1, 1.35))
    bars = Bars(rows, style, summary.chosen)
    bars.sizes(size)
    bars.latencies(latency)
    cloud = Scatter(study, summary, rows, style)
    cloud.points(scatter)
    _legend(figure, style, chosen=any(row.name == summary.chosen for row in rows))
    _footnote(figure, summary, cloud.note)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    cloud.names(scatter)
    return figure


class Bars:
    """The two panels of bars, one row a candidate in the study's order, the baseline on top."""

    def __init__(self, rows: list[Row], style: dict[str, Look], chosen: str | None) -> None:
        self.rows, self.style, self.chosen = rows, style, chosen
        self.places = [-float(i) for i in range(len(rows))]
        self.thickness = min(0.68, 0.1 + 0.1 * len(rows))

    def sizes(self, axes: Axes) -> None:
        """Size in MB, the line at the baseline's, the ratio beside each bar."""
        self._frame(axes, "Size (MB): everything that ships")
        if not self.rows:
            return
        values = [row.size_mb or 0.0 for row in self.rows]
        axes.barh(self.places, values, self.thickness, color=self._colours())
        labels = [f"{words.figure(row.size_mb)}  {words.times(row.compression)}" for row in self.rows]
        self._finish(axes, values, labels, values[0])
        names = words.short_names([row.name for row in self.rows], NAME_LENGTH)
        axes.set_yticks(self.places, [names[row.name] for row in self.rows])
        for tick, row in zip(axes.get_yticklabels(), self.rows, strict=True):
            tick.set_fontweight("bold" if row.name == self.chosen else "normal")

    def latencies(self, axes: Axes) -> None:
        """Median latency with its 95 % interval, the line at the baseline's, the paired speedup beside each bar."""
        self._frame(axes, "Latency (ms): median, 95 % interval")
        axes.set_yticks(self.places, [""] * len(self.rows))
        timed = [(place, row, row.latency_p50_ms) for place, row in zip(self.places, self.rows, strict=True)]
        if not any(value for _, _, value in timed):
            return
        ends = [value.high if value else 0.0 for _, _, value in timed]
        for colour, (place, _, value) in zip(self._colours(), timed, strict=True):
            if value:
                spread = [[max(0.0, value.value - value.low)], [max(0.0, value.high - value.value)]]
                axes.barh(place, value.value, self.thickness, color=colour)
                axes.errorbar(value.value, place, xerr=spread, fmt="none", ecolor="black", elinewidth=1, capsize=2.5)
        labels = [
            f"{words.figure(value.value)}  {words.interval(row.speedup, 'x')}" if value else "not measured" for _, row, value in timed
        ]
        first = timed[0][2]
        self._finish(axes, ends, labels, first.value if first else None)

    def _frame(self, axes: Axes, title: str) -> None:
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        if not self.rows or ("Latency" in title and not any(row.latency_p50_ms for row in self.rows)):
            axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, color="#777777")
            axes.set_xticks([])

    def _finish(self, axes: Axes, ends: list[float], labels: list[str], baseline: float | None) -> None:
        """Room for the labels, the labels, and the baseline's line behind them."""
        axes.set_xlim(0, (max(ends) or 1) * 1.48)
        axes.set_ylim(-len(self.rows) + 0.4, 0.9)
        if baseline is not None:
            axes.axvline(baseline, color=BASELINE, linestyle=(0, (4, 3)), linewidth=1, zorder=0.9)
            axes.text(baseline, 0.62, " baseline", color=BASELINE, fontsize=8, va="center")
        step = 0.012 * (max(ends) or 1)
        for place, end, text, row in zip(self.places, ends, labels, self.rows, strict=True):
            weight = "bold" if row.name == self.chosen else "normal"
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
            axes.text(end + step, place, text, va="center", fontsize=8, fontweight=weight, bbox=box)

    def _colours(self) -> list[str]:
        return [BASELINE if i == 0 else self.style[row.runtime].colour for i, row in enumerate(self.rows)]


def _title(study: Study) -> str:
    machine = f"{plain(study.environment.processor)}, {study.threads} thread{'' if study.threads == 1 else 's'}"
    return f"{words.shortened(plain(study.model), 60)} on {words.shortened(plain(study.task.name), 40)}  |  {machine}"


def _legend(figure: Figure, style: dict[str, Look], chosen: bool) -> None:
    from matplotlib.lines import Line2D

    def handle(colour: str, marker: str, label: str) -> Any:
        return Line2D([], [], color=colour, marker=marker, linestyle="none", label=label)

    handles = [handle(look.colour, look.marker, words.runtime_title(name)) for name, look in style.items()]
    if handles:
        handles.insert(0, handle(BASELINE, "*", "baseline"))
        if chosen:
            ring = Line2D([], [], color="black", marker="o", markersize=10, fillstyle="none", linestyle="none", label="recommended")
            handles.append(ring)
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False, fontsize=9)


def _footnote(figure: Figure, summary: Summary, note: str) -> None:
    missing = [f"{words.shortened(plain(row.name), NAME_LENGTH)} ({row.status})" for row in summary.rows if row.size_mb is None]
    shown = missing[:6] + ([f"and {len(missing) - 6} more"] if len(missing) > 6 else [])
    text = "   ".join(part for part in (f"Without figures: {', '.join(shown)}." if missing else "", note) if part)
    if text:
        figure.supxlabel(text, fontsize=8, x=0.008, ha="left", color="#555555", wrap=True)
