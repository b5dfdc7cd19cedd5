"""``sweep.html``: one page over the studies of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thimble.core.registry import runtime_title
from thimble.core.swept import State, Swept
from thimble.report._files import write_text
from thimble.report.html import page

STATES = {State.MET: "limits met", State.NOT_PROVEN: "not proven", State.FAILED: "failed", State.NOT_BEGUN: "not begun"}


def write_sweep(found: Sequence[Swept], path: Path) -> Path:
    """Write the page; raises `CannotWrite`."""
    return write_text(path, sweep_text(found))


def sweep_text(found: Sequence[Swept]) -> str:
    """The whole page."""
    states = [one.state for one in found]
    counts = ", ".join(f"{states.count(state)} {said}" for state, said in STATES.items() if state in states)
    return page("sweep.html", {"rows": [_row(one) for one in found], "counts": counts, "total": len(found)})


def sweep_lines(found: Sequence[Swept]) -> list[str]:
    """The studies as lines of text, one each."""
    return [_line(one) for one in found]


def _line(one: Swept) -> str:
    row = one.row
    if row is None:
        return f"{one.name}: {STATES[one.state]}" + (f": {one.reason}" if one.reason else "")
    figures = [row.text("size_mb", " MB", ".3g"), row.text("speedup", "x as fast", ".3g"), row.text("drop", " points lost", ".2g")]
    return f"{one.name}: {STATES[one.state]}: {row.name}, {', '.join(text for text in figures if text != 'not measured')}"


def _row(one: Swept) -> dict[str, Any]:
    row = one.row
    figures = {
        "candidate": row.name if row else "",
        "runtime": runtime_title(row.runtime) if row else "",
        "size": row.text("size_mb", " MB", ".3g") if row else "",
        "smaller": row.text("compression", "x", ".3g") if row else "",
        "latency": row.text("latency_p50_ms", " ms", ".3g") if row else "",
        "speedup": row.text("speedup", "x", ".3g") if row else "",
        "drop": row.text("drop", "", ".2g") if row else "",
    }
    state = STATES[one.state] + ("" if one.complete or row is None else ", interrupted")
    return {
        **figures,
        "one": one,
        "state": state,
        "kind": one.state.replace(" ", "-"),
        "report": f"{one.folder}/report.html" if row else "",
    }
