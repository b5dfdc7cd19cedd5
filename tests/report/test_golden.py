"""Every report of every golden study and its kept summary, compared with what it was.

``THIMBLE_GOLDEN=outputs pytest tests/report`` accepts what the reports say of the kept summaries; with ``write`` the
studies are summarized anew first.
"""

from __future__ import annotations

import io
import os
import runpy
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from thimble.core.study import Study, read_study
from thimble.decide.summarize import summarize
from thimble.report import _words as words
from thimble.report.csv import csv_text
from thimble.report.html import html_text
from thimble.report.markdown import markdown_text
from thimble.report.table import Table

DATA = Path(__file__).parent.parent / "stored"


def terminal(golden, width: int | None) -> str:
    """What a terminal of that width shows, or a pipe."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=width is not None, width=width or 80, color_system=None, legacy_windows=False)
    Table().print(golden.study, golden.summary, console)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


OUTPUTS = {
    "results.csv": lambda golden: csv_text(golden.summary),
    "report.md": lambda golden: markdown_text(golden.study, golden.summary),
    "table-80.txt": lambda golden: terminal(golden, 80),
    "table-140.txt": lambda golden: terminal(golden, 140),
    "table-pipe.txt": lambda golden: terminal(golden, None),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_output_is_what_it_was(golden, output):
    path = DATA / "expected" / golden.name / output
    text = OUTPUTS[output](golden)
    if os.environ.get("THIMBLE_GOLDEN") in ("write", "outputs"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_golden_studies_are_those_that_the_script_makes():
    made = runpy.run_path(str(DATA / "make.py"))["goldens"]()
    for name, study in made.items():
        assert msgspec.json.decode(msgspec.json.encode(study), type=Study, strict=False) == read_study(DATA / f"{name}.json"), name


def test_reports_show_the_figures_of_a_new_summary(golden):
    summary = summarize(golden.study)
    assert [row.name for row in summary.rows] == [row.name for row in golden.summary.rows]
    text, page = markdown_text(golden.study, summary), html_text(golden.study, summary)
    assert len(csv_text(summary).splitlines()) == len(summary.rows) + 1
    for row in summary.rows:
        for shown in (words.figure(row.size_mb), words.interval(row.speedup, "x"), words.points(row.drop)):
            assert shown in text
            assert shown in page


def test_golden_studies_cover_what_reports_meet(golden_named):
    assert not any(row.size_mb for row in golden_named("failures").summary.rows)
    assert len(golden_named("one").summary.rows) == 1
    assert len(golden_named("forty").summary.rows) == 40
    assert max(len(row.name) for row in golden_named("long-names").summary.rows) > 90
    assert not any(row.quality for row in golden_named("no-accuracy").summary.rows)
    assert not any(row.latency_p50_ms for row in golden_named("no-latency").summary.rows)
