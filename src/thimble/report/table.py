"""The candidates in the terminal: as many columns as the window is wide enough for, and the reasons below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thimble.core.study import Study
from thimble.core.summary import Row, Summary
from thimble.core.text import plain
from thimble.core.verdict import Status
from thimble.report import _words as words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

GAP = 2
"""Blank columns between two cells."""
MARK = 2
"""Columns before a name, where the chosen one is pointed at."""
SHORTEST_NAME = 12
"""Names are never folded below this many characters, however narrow the window."""


@dataclass(frozen=True)
class Column:
    """A heading, its cells, and the entry of ``best`` that it measures."""

    heading: str
    cell: Callable[[Row], str]
    best: str = ""
    left: bool = False


CORE = (
    Column("MB", lambda row: words.figure(row.size_mb), "smallest"),
    Column("ms", lambda row: words.figure(row.latency_p50_ms.value) if row.latency_p50_ms else "", "fastest"),
    Column("faster", lambda row: words.interval(row.speedup, "x")),
    Column("quality", lambda row: words.percent(row.quality.value) if row.quality else "", "most accurate"),
    Column("drop", lambda row: words.points(row.drop)),
)
"""Shown from 80 columns on. Latency is the median; ``faster`` and ``drop`` are against the baseline, with their intervals."""
NARROW = (
    *CORE[:2],
    Column("faster", lambda row: words.interval(row.speedup, "x", most=2)),
    CORE[3],
    Column("drop", lambda row: words.points(row.drop, digits=1)),
)
"""The same in a window too narrow for every decimal."""
EXTRA = (
    Column("runtime", lambda row: words.runtime_title(row.runtime), left=True),
    Column("smaller", lambda row: words.times(row.compression)),
    Column("p95 ms", lambda row: words.figure(row.latency_p95_ms)),
    Column("memory MB", lambda row: words.figure(row.memory_mb)),
    Column("flash KiB", lambda row: words.figure(row.flash_kib)),
    Column("RAM KiB", lambda row: words.figure(row.ram_kib)),
    Column("agree %", lambda row: words.percent(row.agreement)),
    Column("load ms", lambda row: words.figure(row.load_ms)),
    Column("parameters", lambda row: words.count(row.parameters)),
    Column("MACs", lambda row: words.count(row.macs)),
    Column("efficiency", lambda row: words.figure(row.efficiency), "most efficient"),
    Column("recipe", lambda row: plain(row.recipe), left=True),
)
"""Shown one after the other while the window has room."""
LINE = 100
"""Columns for the one line of a candidate that was not measured; the reports have its whole reason."""
UNLIMITED = 100_000
"""The width of a pipe."""


class Table:
    """What a study says, for the terminal. It is shown, and leaves no file."""

    def render(self, study: Study, summary: Summary, width: int | None = 80) -> RenderableType:
        """The table, the reasons of what was not measured, and the recommendation, at most ``width`` columns wide.

        ``None`` is no limit: for a pipe, where names are never cut.
        """
        from rich.console import Group
        from rich.text import Text

        measured = [row for row in summary.compared if row.status == Status.OK]
        parts: list[RenderableType] = [_grid(study, summary, measured, width)] if measured else []
        if measured and (note := words.split_note(study, summary)):
            parts.append(Text(note, style="dim"))
        for row in summary.rows:
            if row.status != Status.OK:
                name, most = plain(row.name), min(LINE, width or LINE)
                name = name if width is None else words.shortened(name, most // 2)
                said = textwrap.shorten(words.unmeasured(row), max(most // 2, most - len(name)) - GAP, placeholder=" ...")
                parts.append(Text.assemble((name, "bold"), " " * GAP, said, style="dim"))
        if summary.recommendation:
            parts += ["", Text(plain(summary.recommendation), style="bold" if summary.met else "bold yellow")]
        return Group(*parts) if parts else Text("No candidate was tried.")

    def print(self, study: Study, summary: Summary, console: Console) -> None:
        """Print it: fitted to a terminal, uncut and without colour in a pipe."""
        if console.is_terminal:
            console.print(self.render(study, summary, console.width))
        else:
            from rich.console import Console as Pipe

            Pipe(file=console.file, width=UNLIMITED, color_system=None).print(self.render(study, summary, None))


def _grid(study: Study, summary: Summary, rows: list[Row], width: int | None) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    columns = _fitting(study, rows, width)
    room = None if width is None else max(SHORTEST_NAME, width - MARK - sum(_widths(study, rows, columns)))
    grid = Grid(box=None, pad_edge=False, padding=(0, 0, 0, GAP), collapse_padding=True, header_style="dim")
    grid.add_column("candidate", no_wrap=True)
    for column in columns:
        grid.add_column(Text(_heading(study, column)), justify="left" if column.left else "right", no_wrap=True)
    for row in rows:
        chosen = row.name == summary.chosen
        lines = folded(plain(row.name), room)
        name = Text("\n".join((">" if chosen and not i else " ").ljust(MARK) + line for i, line in enumerate(lines)))
        cells = [Text(column.cell(row), style="bold" if summary.best.get(column.best) == row.name else "") for column in columns]
        grid.add_row(name, *cells, style="bold green" if chosen else "")
    return grid


def folded(name: str, room: int | None) -> list[str]:
    """The name on as few lines as it needs, broken at its hyphens; cut in the middle where three don't hold it."""
    if room is None or len(name) <= room:
        return [name]
    return textwrap.wrap(words.shortened(name, 3 * room), room)


def _heading(study: Study, column: Column) -> str:
    return words.shortened(words.metric_title(study.task), 12) if column.heading == "quality" else column.heading


def _widths(study: Study, rows: list[Row], columns: tuple[Column, ...]) -> list[int]:
    return [GAP + max(len(_heading(study, column)), *(len(column.cell(row)) for row in rows)) for column in columns]


def _fitting(study: Study, rows: list[Row], width: int | None) -> tuple[Column, ...]:
    """The core columns that hold anything, fewer in a narrow window; else as many others as there is room for beside unfolded names."""
    core, narrow, extra = (tuple(column for column in group if any(column.cell(row) for row in rows)) for group in (CORE, NARROW, EXTRA))
    if width is None:
        return core + extra[:1]
    room = width - MARK - max(len(plain(row.name)) for row in rows) - sum(_widths(study, rows, core))
    if room < 0:
        while len(narrow) > 1 and MARK + SHORTEST_NAME + sum(_widths(study, rows, narrow)) > width:
            narrow = narrow[:-1]
        return narrow
    chosen: list[Column] = []
    for column, needed in zip(extra, _widths(study, rows, extra), strict=True):
        room -= needed
        if room < 0:
            break
        chosen.append(column)
    return core + tuple(chosen)
