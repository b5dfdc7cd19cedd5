"""How a study ends on the terminal."""

from __future__ import annotations

from pathlib import Path

from thimble.cli._json import Form, say_study
from thimble.cli._say import say, say_aside
from thimble.core.errors import BadInput
from thimble.core.study import Study, read_study
from thimble.core.summary import Summary
from thimble.core.verdict import Status


def show_results(study: Study, folder: Path, as_json: Form | None, reasons: bool = False) -> None:
    """The table and the recommendation, or the figures as JSON; then the folder of the results (on standard error).

    ``reasons`` adds the frontier, and why each other candidate was not chosen.
    """
    from rich.console import Console

    from thimble.decide.summarize import summarize
    from thimble.report.table import Table
    from thimble.study.folder import left_out

    if as_json:
        say_study(study, as_json)
        return
    summary = summarize(study)
    Table().print(study, summary, Console())
    if reasons:
        _show_reasons(summary)
    for advice in summary.warnings:
        if advice.member is None and advice.code != "few-samples":
            say_aside(f"warning: {advice.text}")
    say_aside(*(f"left out: {line}" for line in left_out()))
    say_aside(f"Everything is in {folder}; start with {folder / 'report.html'}.")


def show_known(folder: Path, as_json: Form | None) -> None:
    """What an interrupted study knows, where it got as far as to leave anything."""
    try:
        study = read_study(folder)
    except BadInput:
        return
    show_results(study, folder, as_json, reasons=True)


def _show_reasons(summary: Summary) -> None:
    frontier = [row.name for row in summary.rows if row.on_frontier]
    if frontier:
        say("", f"Pareto-optimal candidates: {', '.join(frontier)}")
    told = [row for row in summary.rows if row.status == Status.OK and row.name != summary.chosen and row.verdict]
    if told:
        say("", "Why not the others:")
    for row in told:
        say(f"  {row.name}: {row.verdict}")
