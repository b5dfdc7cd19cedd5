"""``thimble report``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option


@click.command("report", cls=Command)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@json_option(raw=True)
def command(folder: Path, as_json: Form | None) -> None:
    """Draw every table, picture and page of a study again, from its study.json alone."""
    from thimble.cli._results import show_results
    from thimble.core.study import read_study
    from thimble.study.folder import write_reports

    study = read_study(folder)
    place = folder if folder.is_dir() else folder.parent
    write_reports(study, place)
    show_results(study, place, as_json)
