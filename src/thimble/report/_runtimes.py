"""A comparison of runtimes as CSV and as a picture."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.aside import new_file, writing
from thimble.core.registry import runtime_title
from thimble.core.text import plain
from thimble.report._palette import looks

if TYPE_CHECKING:
    from thimble.core.runtimes_compared import RuntimeRow


def write_runtimes(rows: Sequence[RuntimeRow], path: Path) -> None:
    """Write a line for each row; an interval is three columns: the figure, ``_low`` and ``_high``."""
    with writing(path), new_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        cells = [_cells(row) for row in rows]
        names = list(dict.fromkeys(name for row in cells for name in row))
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(cells)


def _cells(row: RuntimeRow) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if field.name in ("p50_ms", "speedup"):
            ends = (value.value, value.low, value.high) if value else ("", "", "")
            found |= dict(zip((field.name, f"{field.name}_low", f"{field.name}_high"), ends, strict=True))
        else:
            found[field.name] = "" if value is None else value
    return found


def plot_runtimes(rows: Sequence[RuntimeRow], path: Path) -> None:
    """Draw the median latency of each row with its 95 % interval, a panel for each number of threads, fastest at the top."""
    from matplotlib.figure import Figure

    measured = [row for row in rows if row.p50_ms is not None]
    every = list(dict.fromkeys(row.threads for row in measured))
    if not every:
        return
    most = max(sum(row.threads == count for row in measured) for count in every)
    figure = Figure(figsize=(1 + 5 * len(every), 1.2 + 0.3 * most), layout="constrained")
    look = looks(row.runtime for row in measured)
    for panel, count in zip(figure.subplots(1, len(every), squeeze=False)[0], every, strict=True):
        _panel(panel, sorted((row for row in measured if row.threads == count), key=_latency, reverse=True), look)
        panel.set_title(f"{count} thread{'s' if count > 1 else ''}", loc="left", fontsize="medium")
    handles = [_swatch(runtime_title(name), one.colour) for name, one in look.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize="small")
    figure.savefig(path, dpi=120)


def _panel(panel: Any, rows: Sequence[RuntimeRow], look: Any) -> None:
    for i, row in enumerate(rows):
        assert row.p50_ms is not None
        value, low, high = row.p50_ms.value, row.p50_ms.low, row.p50_ms.high
        panel.barh(i, value, color=look[row.runtime].colour, xerr=[[max(0.0, value - low)], [max(0.0, high - value)]], ecolor="0.2")
        said = f" {value:.3g} ms" + (f", {row.speedup.value:.3g}x" if row.speedup and i < len(rows) else "")
        panel.text(max(value, high), i, said, va="center", fontsize="x-small")
    panel.set_yticks(range(len(rows)), [plain(row.name) for row in rows], fontsize="small")
    panel.set_xlim(0, 1.35 * max(row.p50_ms.high for row in rows if row.p50_ms))
    panel.set_xlabel("median latency, ms")
    panel.spines[["top", "right"]].set_visible(False)


def _latency(row: RuntimeRow) -> float:
    return row.p50_ms.value if row.p50_ms else 0.0


def _swatch(label: str, colour: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)
