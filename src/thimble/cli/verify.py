"""``thimble verify``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say


@click.command("verify", cls=Command)
@click.argument("place", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--digest", metavar="SHA256", help="SHA-256 of the whole.  [default: the file BUNDLE.sha256, where it is there]")
@click.option("--on", default="local", metavar="DEVICE", show_default=True, help="Device: local, ssh://user@host:port, or a name.")
@click.option("--any-version", is_flag=True, help="Accept another version of the runtime.")
@click.option("--no-timing", is_flag=True, help="Check files and outputs only.")
@json_option(raw=True)
def command(place: Path, digest: str | None, on: str, any_version: bool, no_timing: bool, as_json: Form | None) -> None:
    """Check a bundle's files and golden outputs, then measure latency and memory here.

    BUNDLE is a .zip file or a folder. This does what the bundle's own verify.py does, and executes no code of the bundle.
    On another device the bundle is copied there, runs its own verify.py, and is removed.
    """
    from thimble.api.verify import Verification, verify, verify_on
    from thimble.deploy.payload.verify import told

    if on == "local":
        report = verify(place, digest, any_version, not no_timing)
    else:
        report = verify_on(on, place, digest, any_version, not no_timing)
    if as_json:
        say_answer("verification", Verification.of(report, rounds=as_json == "raw"))
    else:
        say(*told(report))
