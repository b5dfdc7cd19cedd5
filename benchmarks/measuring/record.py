"""What a proof found: printed, held against its bars, kept in ``results``, and shown in the docs between markers.

A page shows a result where it says ``<!-- result: NAME -->``; all up to ``<!-- end -->`` is replaced by what
``results/NAME.md`` holds. A test checks that pages and results agree.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from thimble.core.processor import processor_name
from thimble.devices.processor import available_cores, busy_seconds

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[2] / "docs"
MARKED = re.compile(r"<!-- result: (?P<name>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)
Bars = Sequence[tuple[str, bool]]
"""What was asked for, with the figure that answers it; and whether it does."""

_began, _busy = time.monotonic(), busy_seconds(available_cores())


def record(name: str, table: Sequence[str], figures: object, bars: Bars, keep: bool) -> int:
    """Print a table and its bars, keep both with every figure where ``keep`` says so, and return the exit status."""
    told = [*table, "", *(f"- {'Passed' if passed else 'FAILED'}: {text}" for text, passed in bars), "", _conditions()]
    print("\n".join(told), flush=True)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text("\n".join(told) + "\n")
        (RESULTS / f"{name}.json").write_text(json.dumps({"conditions": _conditions(), "figures": figures}, indent=1) + "\n")
        fill_pages()
    return 0 if all(passed for _, passed in bars) else 1


def fill_pages(pages: Path = DOCS, results: Path = RESULTS) -> list[Path]:
    """Put every result that there is into the pages that show it; returns the pages that changed."""
    changed = []
    for page in sorted(pages.glob("*.md")):
        text = page.read_text()
        filled = MARKED.sub(lambda found: _shown(found, results), text)
        if filled != text:
            page.write_text(filled)
            changed.append(page)
    return changed


def _shown(found: re.Match[str], results: Path) -> str:
    name = found["name"]
    file = results / f"{name}.md"
    return f"<!-- result: {name} -->\n{file.read_text().strip()}\n<!-- end -->" if file.is_file() else found[0]


def _conditions() -> str:
    """When and on what; with the share of all cores that programs other than this one and what it started have used."""
    words = [f"{processor_name()}, {len(available_cores())} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"]
    if _busy is not None and (busy := busy_seconds(available_cores())) is not None:
        ours = sum(os.times()[:4])
        load = max(0.0, busy - _busy - ours) / len(available_cores()) / max(1.0, time.monotonic() - _began)
        words.append(f"other programs used {min(100, 100 * load):.0f} % of the processor meanwhile")
    return "; ".join(words) + "."
