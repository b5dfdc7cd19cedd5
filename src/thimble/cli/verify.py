"""``thimble verify``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say


@click.command("verify", cls=Command)
@click.argument("place", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--digest", metavar="SHA256", help="SHA-256 of the whole.  [default: the file BUNDLE.sha256, where it is there]")
@click.option("--any-version", is_flag=True, help="Accept another version of the runtime.")
@click.option("--no-timing", is_flag=True, help="Check files and outputs only.")
@json_option(raw=True)
def command(place: Path, digest: str | None, any_version: bool, no_timing: bool, as_json: Form | None) -> None:
    """Check a bundle's files and golden outputs, then measure latency and memory here.

    BUNDLE is a .zip file or a folder. This does what the bundle's own verify.py does, and executes no code of the bundle.
    """
    from thimble.api.verify import Verification, verify
    from thimble.deploy.payload.verify import told

    report = verify(place, digest, any_version, not no_timing)
    if as_json:
        say_answer("verification", Verification.of(report, rounds=as_json == "raw"))
    else:
        say(*told(report))
