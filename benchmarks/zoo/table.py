"""The zoo's table in Markdown, from what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from files import Shipped

COLUMNS = ("static", "dynamic", "plain", "nncf")
HEAD = (
    "| file | kind | MB | static INT8 | dynamic INT8 | quantize_static | NNCF | fit, 2 minutes |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def printed(records: dict[str, dict[str, Any]], files: Sequence[Shipped]) -> str:
    """One row a file: size against the source's, time against the source's, SQNR; or what the tool said."""
    rows = [_row(one, records[one.name]) for one in files if records.get(one.name)]
    return "\n".join((*HEAD, *rows))


def _row(one: Shipped, done: dict[str, Any]) -> str:
    figures = done.get("measure", {}).get("figures", {})
    source = next(iter(figures.values()), {})
    cells = [_cell(done, figures, name, source.get("bytes") or done.get("bytes")) for name in COLUMNS]
    return "| " + " | ".join((f"{one.package}: {one.path.rpartition('/')[2]}", one.kind, _mb(done.get("bytes")), *cells, _fit(done))) + " |"


def _cell(done: dict[str, Any], figures: dict[str, Any], name: str, whole: int | None) -> str:
    part = done.get(name)
    if part is None:
        return ""
    if "error" in part:
        return "fails"
    found = figures.get(name)
    if not found:
        return "made"
    if found["reason"]:
        return "fails"
    size = f"{found['bytes'] / whole:.2f}" if whole and found["bytes"] else "?"
    speed = f"{found['faster'][0]:.2f}x" if found["faster"] else "?"
    db = f"{found['db']:.0f} dB" if found["db"] is not None else "?"
    return f"{size}, {speed}, {db}"


def _fit(done: dict[str, Any]) -> str:
    found = done.get("fit")
    if not found:
        return ""
    if "error" in found or found.get("chosen") is None:
        return found.get("error", "none")[:40].replace("|", "/")
    faster = f", {found['faster']:.2f}x" if found.get("faster") else ""
    return f"{found['chosen']}, {found['mb']:.3g} MB{faster}" + ("" if found["rc"] == 0 else " (not proven)")


def _mb(count: int | None) -> str:
    return f"{count / 1e6:.3g}" if count else ""
