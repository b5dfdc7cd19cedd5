"""Studies side by side: in the terminal, as Markdown, as a page, and as JSON."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.comparison import Change, Comparison, Side
from thimble.core.summary import Interval
from thimble.core.text import markdown as escaped
from thimble.core.text import markdown_code as code
from thimble.core.text import plain
from thimble.core.verdict import Changed
from thimble.report import _words as words
from thimble.report._files import write_text
from thimble.report.table import GAP, SHORTEST_NAME, UNLIMITED, folded

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

FILES = ("comparison.md", "comparison.html")
STYLES = {Changed.BETTER: "green", Changed.WORSE: "bold red", Changed.NO_CHANGE: "dim", Changed.NOT_COMPARABLE: "dim"}


class SideBySide:
    """What changed between studies, one line for each figure of each candidate, the proven changes first in words."""

    def render(self, comparison: Comparison, width: int | None = None) -> RenderableType:
        """The lines as a table, at most ``width`` columns wide, then what differs and what is proven."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
        grid.add_column("candidate", no_wrap=True)
        for head in ("figure", *(side.label for side in comparison.sides), "change"):
            grid.add_column(Text(plain(head)), overflow="fold")
        room = _room(comparison, width)
        for name, changes in groupby(comparison.changes, key=lambda change: change.candidate):
            lines, rows = folded(plain(name), room), list(changes)
            for i, change in enumerate(rows):
                beside = lines[i : i + 1] if i < len(rows) - 1 else lines[i:]
                said = Text(_short(change), style=STYLES.get(worst(change), ""))
                grid.add_row(Text("\n".join(beside)), Text(change.measure), *map(Text, texts(change)), said)
        notes = [Padding(Text(plain(line)), (0, 0, 0, 2)) for line in (*comparison.notes, *reasons(comparison), *proven(comparison))]
        return Group(grid, "", *notes)

    def print(self, comparison: Comparison, console: Console) -> None:
        """Print it, fitted to the terminal; uncut and without colour in a pipe."""
        from rich.console import Console as Pipe

        if console.is_terminal:
            console.print(self.render(comparison, console.width))
        else:
            Pipe(file=console.file, width=UNLIMITED, color_system=None).print(self.render(comparison))

    def markdown(self, comparison: Comparison) -> str:
        """The same as a page of Markdown."""
        heads = ["candidate", "figure", *(escaped(side.label) for side in comparison.sides), "since the first"]
        lines = [f"| {' | '.join(heads)} |", f"| --- | --- | {'---: | ' * len(comparison.sides)}--- |"]
        for change in comparison.changes:
            said = verdict(change)
            said = f"**{escaped(said)}**" if worst(change) in (Changed.BETTER, Changed.WORSE) else escaped(said)
            lines.append(f"| {code(change.candidate)} | {escaped(change.measure)} | {' | '.join(map(_figure, texts(change)))} | {said} |")
        found = "\n".join(f"- {escaped(line)}" for line in proven(comparison))
        sides = "\n".join(f"- {escaped(side.label)}: {escaped(about(side))}" for side in comparison.sides)
        notes = "\n".join(f"- {escaped(note)}" for note in comparison.notes)
        parts = ["# Studies side by side", found, "\n".join(lines), "## The studies", sides, notes]
        return "\n\n".join(part for part in parts if part) + "\n"

    def html(self, comparison: Comparison) -> str:
        """The same as one self-contained page that opens offline."""
        from thimble.report.html import page

        return page("comparison.html", self._context(comparison))

    def write(self, comparison: Comparison, folder: Path) -> list[Path]:
        """Write ``comparison.md`` and ``comparison.html`` into ``folder``; raises `CannotWrite`."""
        return [write_text(folder / FILES[0], self.markdown(comparison)), write_text(folder / FILES[1], self.html(comparison))]

    def _context(self, comparison: Comparison) -> dict[str, Any]:
        return {
            "labels": [plain(side.label) for side in comparison.sides],
            "sides": {plain(side.label): about(side) for side in comparison.sides},
            "notes": [plain(note) for note in comparison.notes],
            "found": [plain(line) for line in proven(comparison)],
            "rows": [
                {
                    "name": plain(change.candidate),
                    "measure": plain(change.measure),
                    "values": texts(change),
                    "verdict": verdict(change),
                    "kind": worst(change).replace(" ", "-"),
                }
                for change in comparison.changes
            ],
        }


def _figure(text: str) -> str:
    """A figure in Markdown; the dash of one that is absent, and a minus sign, begin no list there."""
    return text if text == "-" else escaped(text)


def texts(change: Change) -> list[str]:
    """The figure in each study, with its interval; ``-`` where it was not measured."""
    return [_text(change, value) or "-" for value in change.values]


def _text(change: Change, value: Interval | None) -> str:
    if value is None:
        return ""
    if change.measure == "speedup":
        return words.interval(value, "x")
    unit = f" {plain(change.unit)}" if change.unit else ""
    write = {"quality": words.quality, "drop": words.points}.get(change.measure, words.interval)
    return write(value, unit)


def _room(comparison: Comparison, width: int | None) -> int | None:
    """The columns that are left for names."""
    if width is None or not comparison.changes:
        return None
    cells = [("figure", *texts(change), "not comparable") for change in comparison.changes]
    return max(SHORTEST_NAME, width - sum(GAP + max(map(len, column)) for column in zip(*cells, strict=True)))


def _short(change: Change) -> str:
    """The verdicts of the later studies in two words each."""
    said = ["none proven" if one == Changed.NO_CHANGE else one for one in change.verdicts[1:]]
    return said[0] if len(set(said)) == 1 else "; ".join(said)


def reasons(comparison: Comparison) -> list[str]:
    """Why figures are not comparable, each reason once with how many candidates it concerns."""
    found: dict[tuple[str, str], list[str]] = {}
    for change in comparison.changes:
        for reason in filter(None, dict.fromkeys(change.reasons)):
            found.setdefault((change.measure, reason), []).append(change.candidate)
    return [
        f"{measure} is not comparable for {names[0] if len(names) == 1 else f'{len(names)} candidates'}: {reason}"
        for (measure, reason), names in found.items()
    ]


def worst(change: Change) -> Changed:
    """The verdict that matters most among the later studies'."""
    order = (Changed.WORSE, Changed.BETTER, Changed.NOT_COMPARABLE, Changed.NO_CHANGE)
    return next((one for one in order if one in change.verdicts[1:]), Changed.ITSELF)


def verdict(change: Change) -> str:
    """The verdicts of the later studies in words, with the reason where there is none."""
    said = []
    for i, one in enumerate(change.verdicts[1:], start=1):
        reason = change.reasons[i] if i < len(change.reasons) else ""
        said.append(f"{one}: {plain(reason)}" if reason else one)
    return "; ".join(said) if len(set(said)) > 1 else (said[0] if said else "")


def proven(comparison: Comparison) -> list[str]:
    """A sentence for each proven change, the regressions first; one that says so where nothing is proven."""
    lines: dict[str, list[str]] = {Changed.WORSE: [], Changed.BETTER: []}
    for change in comparison.changes:
        shown = texts(change)
        for i, one in enumerate(change.verdicts):
            if one in lines:
                lines[one].append(
                    f"{change.candidate}: {change.measure} is {one} in {comparison.sides[i].label}, {shown[i]} after {shown[0]}."
                )
    return [*lines[Changed.WORSE], *lines[Changed.BETTER]] or ["Nothing is proven to have changed."]


def about(side: Side) -> str:
    """The conditions of one study in a line."""
    threads = f"{side.threads} thread{'' if side.threads == 1 else 's'}"
    parts = [side.model, f"on {side.task}", f"measured on {side.processor} with {threads}", f"against {side.reference}", side.started[:10]]
    return plain(", ".join(part for part in parts if part))
