"""``thimble sweep``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import Directory


@click.command("sweep", cls=Command)
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY.toml...")
@click.option("--engine", metavar="ENGINE", help="Where the work is done, in place of what the files say.")
@click.option("--out", type=Directory(), default=Path("runs/sweep"), show_default=True, help="Folder of the results.")
@json_option()
def command(studies: tuple[Path, ...], engine: str | None, out: Path, as_json: Form | None) -> None:
    """Fit every combination of the models, data, devices and limits in STUDY.toml.

    A file is a study.toml whose keys may have lists: model = ["a.onnx", "b.onnx"], on = ["local", "pi4"], max_drop = [0.5, 1]. Each
    combination is one study in a folder of its own, and sweep.html shows them all. An interrupted sweep goes on with the same
    command. Exit codes: 0 every study meets its limits; 3 one doesn't; 1 one failed.

    \b
    thimble sweep study.toml
    thimble sweep phones.toml boards.toml --out runs/all
    """
    from thimble.api.sweep import PAGE, ended_well, read_sweep, sweep
    from thimble.cli._json import say_answer
    from thimble.cli._progress import Show
    from thimble.cli._say import say, say_aside
    from thimble.core.swept import Sweep
    from thimble.report._sweep import sweep_lines

    parts = read_sweep(studies, engine)
    with Show() as show:
        found = sweep(parts, out, show)
    if as_json:
        say_answer("sweep", Sweep(found))
    else:
        say(*sweep_lines(found))
        say_aside(f"Everything is in {out}; start with {out / PAGE}.")
    ended_well(found)
