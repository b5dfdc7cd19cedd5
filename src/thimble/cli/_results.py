"""How a study ends on the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.base.study import Study


def show_results(study: Study, folder: Path, as_json: bool) -> None:
    """The table and the recommendation, or the figures as JSON; then where everything lies (on standard error)."""
    from rich.console import Console

    from thimble.recommend.summarize import summarize
    from thimble.report.table import Table

    summary = summarize(study)
    if as_json:
        click.echo(Table().to_json(study, summary))
        return
    Table().print(study, summary, Console())
    click.echo(f"Everything is in {folder}; start with {folder / 'report.html'}.", err=True)
