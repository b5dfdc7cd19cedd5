"""The zoo's table in Markdown, from what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from files import Shipped

COLUMNS = ("static", "dynamic", "plain", "nncf")
HEAD = (
    "| file | kind | MB | static INT8 | dynamic INT8 | `quantize_static` | NNCF | fit, 2 minutes |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)
REASONS = (
    ("quantized already", "is INT8 already"),
    ("no convolution or matrix product", "has nothing to quantize"),
    ("Incomplete symbolic shape", "pre-process fails"),
    ("does not open", "does not open"),
    ("took more than", "took too long"),
    ("opset version", "refuses the opset"),
)
"""Short forms of the tools' messages, for the table."""


def printed(records: dict[str, dict[str, Any]], files: Sequence[Shipped]) -> str:
    """One row a file: size against the source's, speed against the source's, SQNR; or what the tool said.

    A speed behind ``~`` was measured while other programs used the processor (``busy`` in the record).
    """
    rows = [_row(one, records[one.name]) for one in files if "alike" in records.get(one.name, {})]
    return "\n".join((*HEAD, *rows, "", *_counts([records[one.name] for one in files if "alike" in records.get(one.name, {})])))


def _row(one: Shipped, done: dict[str, Any]) -> str:
    cells = [_cell(done, name) for name in COLUMNS]
    name = f"{one.package}: {one.path.rpartition('/')[2]}"
    return "| " + " | ".join((name, one.kind, _mb(done.get("bytes")), *cells, _fit(done))) + " |"


def _cell(done: dict[str, Any], name: str) -> str:
    part = done.get(name)
    if part is None:
        return ""
    if "error" in part:
        return next((said for words, said in REASONS if words in part["error"]), "fails")
    found = done["alike"].get("files", {}).get(name)
    if not found:
        return "made"
    if "error" in found:
        return "does not run"
    timed = done.get("measure", {}).get("figures", {}).get(name) or {}
    busy = done.get("busy", {}).get(name)
    speed = f", {timed['faster'][0]:.2f}x" if timed.get("faster") else f", ~{busy[0]:.2f}x" if busy else ""
    return f"{found['bytes'] / done['bytes']:.2f}{speed}" + (f", {found['db']:.0f} dB" if found["db"] is not None else "")


def _fit(done: dict[str, Any]) -> str:
    found = done.get("fit")
    if not found:
        return ""
    if "error" in found or found.get("chosen") is None:
        return found.get("error", "none")[:60].replace("|", "/")
    faster = f", {found['faster']:.2f}x" if found.get("faster") else ""
    return f"{found['chosen']}, {found['mb']:.3g} MB{faster}" + ("" if found["rc"] == 0 else " (not proven)")


def _counts(records: list[dict[str, Any]]) -> list[str]:
    """How many files each tool gave a file that opens and runs for, of those that are no INT8 already."""
    told = [f"{len(records)} ONNX files."]
    for name, title in zip(COLUMNS, ("static INT8", "dynamic INT8", "`quantize_static`", "NNCF"), strict=True):
        tried = [done for done in records if name in done and "quantized already" not in done.get("static", {}).get("error", "")]
        good = [done for done in tried if "error" not in done[name] and "error" not in done["alike"].get("files", {}).get(name, {})]
        told.append(f"{title} opens and runs: {len(good)} of {len(tried)}.")
    return [" ".join(told)]


def _mb(count: int | None) -> str:
    return f"{count / 1e6:.3g}" if count else ""
