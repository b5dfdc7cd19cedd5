"""``thimble verify``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say, say_aside


@click.command("verify", cls=Command)
@click.argument("place", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--digest", metavar="SHA256", help="Expected SHA-256 of the bundle.  [default: the file BUNDLE.sha256, if present]")
@click.option("--on", default="local", metavar="DEVICE", show_default=True, help="Device: local, ssh://user@host:port, or a name.")
@click.option("--install", is_flag=True, help="Install the bundle's pinned packages on the board, where they are missing.")
@click.option("--any-version", is_flag=True, help="Accept another version of the runtime.")
@click.option("--no-timing", is_flag=True, help="Check files and outputs only.")
@json_option(raw=True)
def command(place: Path, digest: str | None, on: str, install: bool, as_json: Form | None, **how: bool) -> None:
    """Check a bundle's files and outputs, then measure it.

    BUNDLE is a .zip file or a folder. This makes the checks of the bundle's own verify.py and executes no code of the
    bundle. With --on, the bundle is copied to the device, runs its own verify.py there, and is removed.
    """
    from thimble.api.verify import Verification, installed_for, verify, verify_on
    from thimble.deploy.payload.verify import told

    any_version, timing = how["any_version"], not how["no_timing"]
    if install:
        on = installed_for(on, place, say_aside, digest)
    report = verify(place, digest, any_version, timing) if on == "local" else verify_on(on, place, digest, any_version, timing)
    if as_json:
        say_answer("verification", Verification.of(report, rounds=as_json == "raw"))
    else:
        say(*told(report))
