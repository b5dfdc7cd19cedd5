"""``thimble bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from thimble.api.request import Bundle
from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._options import options, request_of
from thimble.cli._say import say, say_aside


@click.command("bundle", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("candidate", required=False, metavar="[CANDIDATE]")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.zip|FOLDER", help="Where the bundle is written.")
@options(Bundle)
@click.option("--list", "listing", is_flag=True, help="List the candidates and the targets of each; write nothing.")
@json_option()
def command(folder: Path, candidate: str | None, out: Path | None, listing: bool, as_json: Form | None, **given: Any) -> None:
    """Pack a study's candidate for another machine.

    DIR is a study's folder; the default CANDIDATE is the best one that runs on the target. For the folder of a single
    artifact, --data gives the golden samples. A bundle for linux holds the artifact, golden samples, predict.py, verify.py
    and the pinned runtime; a bundle for web holds a page that does the same in any browser. The same input gives the same
    bytes. The bundle's SHA-256 is printed and written beside it.

    \b
    thimble bundle runs/lab --out lab.zip
    unzip lab.zip -d lab && cd lab && python -m pip install -r requirements.txt && python verify.py
    thimble bundle runs/lab --target web --out lab-web && thimble serve lab-web
    """
    from thimble.api._choice import candidates
    from thimble.api.bundle import bundle

    if listing:
        found = candidates(folder)
        if as_json:
            say_answer("bundle candidates", found)
            return
        for one in found.candidates:
            figures = f"{one.figures.runtime}, {one.figures.size_mb or 0:.3g} MB"
            say(f"{one.name}: {figures}, for {', '.join(one.targets)}" + (f"; {one.against}" if one.against else ""))
        return
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    made = bundle(folder, out, request_of(Bundle, given), candidate)
    if as_json:
        say_answer("bundle", made)
        return
    for note in made.notes:
        say_aside(f"note: {note}")
    golden, runtime = made.manifest.golden, made.manifest.runtime
    say(f"{made.place}: {made.manifest.name} for {runtime.title} {runtime.version}, {golden.samples} golden samples")
    for name, limit in golden.tolerance.items():
        say(f"  {name} may differ by {limit.absolute:.3g}: {limit.how}")
    here = {"linux": "or python verify.py in the bundle on the device", "web": f"or thimble serve {made.place}"}
    there = here.get(made.manifest.target, "then read its README.md")
    say(f"  sha256 {made.digest}", f"  next: thimble verify {made.place}, {there}")
