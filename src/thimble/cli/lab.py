"""``thimble lab``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from thimble.api.request import Lab
from thimble.cli._json import Command, Form, json_option
from thimble.cli._options import Directory, log_option, options, request_of
from thimble.cli._say import say_aside


@click.command("lab", cls=Command)
@click.option("--out", type=Directory(), default=Path("runs/lab"), show_default=True, help="Folder of the results.")
@options(Lab)
@log_option
@json_option(raw=True)
def command(out: Path, log: tuple[str, ...], as_json: Form | None, **given: Any) -> None:
    """Try every technique on one network and say what to ship.

    The default is ResNet-18 on the handwritten digits that come with scikit-learn, offline. Finished work is kept in the
    store: a second run reuses it, and an interrupted run continues.

    The pretrained study needs a connection: thimble lab --weights imagenet --data imagenette --image-size 224
    """
    from thimble.api.lab import lab
    from thimble.cli._progress import Show
    from thimble.cli._results import show_results
    from thimble.study.folder import check_trackers, log_study

    check_trackers(log)
    with Show() as show:
        study = lab(request_of(Lab, given), out, show)
    show_results(study, out, as_json)
    say_aside(*log_study(study, out, log))
    if not as_json:
        say_aside(*_hand_over(out))


def _hand_over(out: Path) -> list[str]:
    """Return the commands that take the study's choice to a board, a browser and a phone."""
    from thimble.deploy.targets.web import INSTALL

    folder = shlex.quote(str(out))
    return [
        "Take the choice to",
        f"  a board:   thimble bundle {folder} --out lab.zip && thimble verify lab.zip --on ssh://user@board",
        f"  a browser: {INSTALL} && thimble bundle {folder} --target web --out lab-web && thimble serve lab-web",
        "  a phone:   thimble measure lab-web --on browser:0.0.0.0",
    ]
