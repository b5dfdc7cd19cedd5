"""``thimble report``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import log_option
from thimble.cli._say import say_aside


@click.command("report", cls=Command)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--also", multiple=True, metavar="NAME", help="Also write model_card, rounds or rounds_parquet. Repeat for several.")
@log_option
@json_option(raw=True)
def command(folder: Path, also: tuple[str, ...], log: tuple[str, ...], as_json: Form | None) -> None:
    """Write a study's tables, pictures and pages again.

    Everything is read from study.json; nothing is measured.
    """
    from thimble.cli._results import show_results
    from thimble.core.study import read_study
    from thimble.study.folder import check_trackers, log_study, redraw

    check_trackers(log)
    study = read_study(folder)
    place = folder if folder.is_dir() else folder.parent
    more = redraw(study, place, also)
    show_results(study, place, as_json)
    say_aside(*(f"Written: {path}." for path in more), *log_study(study, place, log))
