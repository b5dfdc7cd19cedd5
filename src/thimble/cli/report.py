"""``thimble report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of the table.")
def command(folder: Path, as_json: bool) -> None:
    """Draw every table, picture and page of a study again, from its study.json alone."""
    from thimble.cli._results import show_results
    from thimble.core.study import read_study
    from thimble.study.workflow import write_reports

    study = read_study(folder)
    place = folder if folder.is_dir() else folder.parent
    write_reports(study, place)
    show_results(study, place, as_json)
