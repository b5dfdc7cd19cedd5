"""``thimble verify``."""

from __future__ import annotations

from pathlib import Path

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say


@click.command("verify", cls=Command)
@click.argument("place", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--digest", metavar="SHA256", help="Expected SHA-256 of the bundle.  [default: the file BUNDLE.sha256, if present]")
@click.option("--on", default="local", metavar="DEVICE", show_default=True, help="Device: local, ssh://user@host:port, or a name.")
@click.option("--any-version", is_flag=True, help="Accept another version of the runtime.")
@click.option("--no-timing", is_flag=True, help="Check files and outputs only.")
@json_option(raw=True)
def command(place: Path, digest: str | None, on: str, any_version: bool, no_timing: bool, as_json: Form | None) -> None:
    """Check a bundle's files and outputs, then measure it.

    BUNDLE is a .zip file or a folder. This makes the checks of the bundle's own verify.py and executes no code of the
    bundle. With --on, the bundle is copied to the device, runs its own verify.py there, and is removed.
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
